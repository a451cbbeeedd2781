"""Why a first connection failed: aiokafka logs the reason and raises that it is not connected."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka import errors as kafka_errors
from aiokafka.conn import AIOKafkaConnection, OAuthAuthenticator

from claimx_pipeline.broker.kafka.login import TokenLogin
from claimx_pipeline.settings.tree.broker import KafkaSettings

SECONDS = 3.0
"""One more connection is tried for so long to learn what is wrong."""
CLOSE_SECONDS = 1.0
"""How long that connection may take to close."""

_TAKEN = (
    "security_protocol",
    "ssl_context",
    "sasl_mechanism",
    "sasl_plain_username",
    "sasl_plain_password",
    "sasl_oauth_token_provider",
)


class _TokenRefusedError(kafka_errors.KafkaError):  # type: ignore[misc]  # aiokafka has no types
    """Kafka refused an access token; aiokafka 0.14 takes the refusal for the end of the login."""


class _ReadingAuthenticator(OAuthAuthenticator):  # type: ignore[misc]
    async def step(self, payload: bytes | None) -> Any:
        if payload:
            raise _TokenRefusedError(payload.decode("utf-8", "replace"))
        return await super().step(payload)


class _ReadingConnection(AIOKafkaConnection):  # type: ignore[misc]
    def authenticator_oauth(self) -> OAuthAuthenticator:
        return _ReadingAuthenticator(sasl_oauth_token_provider=self._sasl_oauth_token_provider)


async def why_refused(
    hosts: Sequence[str],
    options: Mapping[str, Any],
    kafka: KafkaSettings,
    login: TokenLogin | None,
) -> str | None:
    """Return why Kafka at *hosts* takes no connection, as far as login and encryption say.

    Args:
        hosts: ``host:port`` of each; the first that answers decides.
        options: What aiokafka's clients get.
        kafka: The settings.
        login: Where tokens come from, with OAUTHBEARER.

    Returns:
        The end of a sentence; None if it is about neither.
    """
    taken = {name: options[name] for name in _TAKEN if name in options}
    for each in hosts:
        host, _, port = each.rpartition(":")
        connection = _ReadingConnection(
            host.strip("[]"), int(port), request_timeout_ms=round(SECONDS * 1000), **taken
        )
        try:
            async with asyncio.timeout(SECONDS):
                await connection.connect()
                return None
        except (TimeoutError, OSError, kafka_errors.KafkaError) as error:
            if isinstance(error, _TokenRefusedError) and login is not None:
                login.forget()
            if (reason := _reason(error, kafka)) is not None:
                return reason
        finally:
            await _closed(connection)
    return None


async def _closed(connection: AIOKafkaConnection) -> None:
    closing = connection.close()
    if connection._protocol is not None:  # noqa: SLF001 - else it never was open, and never closes
        await asyncio.wait({closing}, timeout=CLOSE_SECONDS)


def _reason(error: BaseException | None, kafka: KafkaSettings) -> str | None:
    mechanism = kafka.sasl_mechanism
    while error is not None:
        match error:
            case _TokenRefusedError():
                return (
                    f"refused the access token of client {kafka.oauth.client_id!r}: "
                    f"{error.args[0]}; check broker.kafka.oauth.scope and what Kafka expects of "
                    "a token (issuer, audience)"
                )
            case kafka_errors.UnsupportedSaslMechanismError():
                return f"does not offer {mechanism}; check broker.kafka.sasl_mechanism"
            case kafka_errors.SaslAuthenticationFailed() | kafka_errors.AuthenticationFailedError():
                said = error.args[0] if error.args else "without a reason"
                return (
                    f"refused the login of {kafka.username!r} by {mechanism} ({said}); "
                    "check broker.kafka.username and password"
                )
            case ssl.SSLCertVerificationError():
                return (
                    f"has a certificate that is not trusted ({error.verify_message}); "
                    "check broker.kafka.ca_file and the host in broker.url"
                )
            case ssl.SSLError():
                return (
                    f"ended the encrypted connection ({error.reason or error}); check "
                    "broker.kafka.security_protocol, and certificate_file if it asks for one"
                )
        error = error.__cause__
    return None
