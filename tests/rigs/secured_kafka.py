"""A Kafka that is logged in to by every mechanism, behind a private authority."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from attrs import field, frozen
from joserfc import jwt
from joserfc.jwk import RSAKey

from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaOAuthSettings, KafkaSettings
from tests.rigs.authority import Authority, Certificate
from tests.rigs.kafka_server import KafkaServer, Security, free_port, kafka_server

USER, PASSWORD = "carrier", "carrier-p4ss"
ISSUER, AUDIENCE = "https://issuer.test", "kafka"
SESSION_SECONDS = 3.0
"""Kafka closes a connection of OAUTHBEARER after this, or at the end of its token."""

_JAAS = "org.apache.kafka.common.security"
PROPERTIES = f"""
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER
listener.name.login.plain.sasl.jaas.config={_JAAS}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";
listener.name.login.scram-sha-256.sasl.jaas.config={_JAAS}.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config={_JAAS}.scram.ScramLoginModule required;
listener.name.login.oauthbearer.sasl.jaas.config={_JAAS}.oauthbearer.OAuthBearerLoginModule required;
listener.name.login.oauthbearer.sasl.server.callback.handler.class={_JAAS}.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.login.oauthbearer.connections.max.reauth.ms={round(SESSION_SECONDS * 1000)}
sasl.oauthbearer.jwt.validator.class={_JAAS}.oauthbearer.BrokerJwtValidator
sasl.oauthbearer.jwks.endpoint.url={{keys}}
sasl.oauthbearer.expected.audience={AUDIENCE}
sasl.oauthbearer.expected.issuer={ISSUER}
sasl.oauthbearer.clock.skew.seconds=0
ssl.keystore.type=PEM
ssl.keystore.location={{keystore}}
ssl.truststore.type=PEM
ssl.truststore.location={{truststore}}
listener.name.certified.ssl.client.auth=required
"""


@frozen
class Keys:
    """What an issuer signs its tokens with."""

    _key: RSAKey = field(factory=lambda: RSAKey.generate_key(2048, {"kid": "k1", "use": "sig"}))

    def public(self) -> str:
        """Return the key set that Kafka verifies tokens by."""
        return json.dumps({"keys": [self._key.as_dict(private=False)]})

    def token(self, seconds: float, **claims: Any) -> str:
        """Return a token that ends after so many *seconds*."""
        now = time.time()
        usual = {"iss": ISSUER, "aud": AUDIENCE, "sub": "claimx", "iat": int(now)}
        return jwt.encode(
            {"alg": "RS256", "kid": "k1"}, {**usual, "exp": now + seconds, **claims}, self._key
        )


@frozen
class SecuredKafka:
    """A running one, and what its clients need."""

    server: KafkaServer
    authority: Authority
    client: Certificate
    keys: Keys

    @property
    def login_url(self) -> str:
        """Where clients log in, encrypted."""
        return self._url("LOGIN")

    @property
    def certified_url(self) -> str:
        """Where clients show a certificate."""
        return self._url("CERTIFIED")

    def broker(self, **kafka: Any) -> KafkaBroker:
        """Return a broker that logs in by SCRAM unless *kafka* says otherwise."""
        given = {
            "security_protocol": "SASL_SSL",
            "ca_file": str(self.authority.file),
            "session_timeout_seconds": 6.0,
            **kafka,
        }
        settings = BrokerSettings(deadline_seconds=10, kafka=KafkaSettings(**given))
        return KafkaBroker(self.login_url, settings)

    def oauth(self, token_url: str, **oauth: Any) -> dict[str, Any]:
        """Return the settings of a login by tokens from *token_url*."""
        given = {"client_id": "claimx", "client_secret": Secret("s3cret"), **oauth}
        made = KafkaOAuthSettings(token_url=token_url, **given)
        return {"sasl_mechanism": "OAUTHBEARER", "oauth": made}

    def _url(self, name: str) -> str:
        return f"kafka://localhost:{self.server.security.listeners[name][1]}"


@contextlib.contextmanager
def secured(folder: Path) -> Iterator[SecuredKafka]:
    """Run one.

    Raises:
        KafkaUnavailableError: Java or Maven is missing, or Kafka did not start.
    """
    authority, keys = Authority.make(folder), Keys()
    (folder / "keys.json").write_text(keys.public())
    (folder / "server.both.pem").write_text(authority.issue("server", host="localhost").in_one())
    url = (folder / "keys.json").as_uri()
    security = Security(
        listeners={"LOGIN": ("SASL_SSL", free_port()), "CERTIFIED": ("SSL", free_port())},
        properties=PROPERTIES.format(
            keys=url, keystore=folder / "server.both.pem", truststore=authority.file
        ),
        java_options=(f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls={url}",),
        scram=tuple(
            f"{mechanism}=[name={USER},password={PASSWORD}]"
            for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        ),
    )
    with kafka_server(security=security) as server:
        yield SecuredKafka(server, authority, authority.issue("client"), keys)
