"""Section ``broker``: where records are, and what topics and groups are called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen
from attrs.validators import ge, gt, optional

from claimx_pipeline.settings.kinds import KIND, http_url, local_path
from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.network import NetworkSettings
from claimx_pipeline.settings.tree.validators import (
    empty_or_not_blank,
    no_blank_values,
    not_blank,
    sasl_extensions,
)


@frozen(kw_only=True)
class TopicSettings:
    """What differs for one topic from what its worker declares."""

    name: str | None = field(default=None, validator=optional(not_blank))
    """What the topic is called on the broker, if not prefix and logical name."""

    partitions: int | None = field(default=None, validator=optional(ge(1)))
    """Number of partitions when it is created."""

    retention_hours: float | None = field(default=None, validator=optional(gt(0)))
    """How long records are kept."""
    retention_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """What each partition keeps, in bytes; its oldest records go when it holds more."""

    replication: int | None = field(default=None, validator=optional(ge(1)))
    """Copies of each partition; Kafka only."""


SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", "OAUTHBEARER"]


@frozen(kw_only=True)
class KafkaOAuthSettings:
    """Client credentials (OpenID Connect) that access tokens for Kafka are asked for with."""

    client_id: str | None = field(default=None, validator=optional(not_blank))
    """Who asks."""

    client_secret: Secret | None = None
    """Its credential; never sent anywhere but to ``token_url``."""

    client_secret_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """File that holds the credential instead; read for each token."""

    token_url: str | None = field(
        default=None, validator=optional(not_blank), repr=masked_repr, metadata={KIND: http_url}
    )
    """Where tokens are handed out."""

    scope: str | None = field(default=None, validator=optional(not_blank))
    """What the token is for, if the issuer asks for that."""

    extensions: Mapping[str, str] = field(factory=dict, validator=sasl_extensions)
    """Sent to Kafka beside the token (RFC 7628), such as ``logicalCluster``."""

    network: NetworkSettings = field(factory=NetworkSettings)
    """What differs for ``token_url`` from the section ``network``."""


@frozen(kw_only=True)
class KafkaSettings:
    """How to talk to Kafka; unused with the embedded broker."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Encryption and authentication of the connection."""

    sasl_mechanism: SaslMechanism = "PLAIN"
    """SASL mechanism by which the client logs in to the Kafka broker; it is not used if
    ``security_protocol`` is PLAINTEXT or SSL."""

    username: str | None = field(default=None, validator=optional(not_blank))
    """User of PLAIN and SCRAM; ``$ConnectionString`` for Azure Event Hubs."""

    password: Secret | None = None
    """Password of PLAIN and SCRAM; the connection string for Azure Event Hubs."""

    oauth: KafkaOAuthSettings = field(factory=KafkaOAuthSettings)
    """Client credentials of OAUTHBEARER."""

    ca_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """PEM file of the authority that signed the broker's certificate, if it is a private one."""

    certificate_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """PEM file of the client's own certificate and those between it and its authority."""

    key_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """PEM file of its private key; ``certificate_file`` if the key is in there."""

    key_password: Secret | None = None
    """Password of the private key, if it is encrypted."""

    compression: Literal["none", "lz4", "snappy", "zstd"] = "zstd"
    """How published batches are compressed."""

    session_timeout_seconds: float = field(default=30.0, validator=gt(0))
    """A member not heard of for this long loses its partitions."""

    max_request_bytes: int = field(default=1_000_000, validator=ge(1024))
    """Largest batch sent, or one record if that may be larger; must not exceed what the broker
    accepts."""


@frozen(kw_only=True)
class BrokerSettings:
    """Where the topics live."""

    url: str = field(
        default="sqlite:///./claimx-data/broker.db", validator=not_blank, repr=masked_repr
    )
    """``sqlite:///FILE`` is the embedded broker, ``kafka://HOST:PORT[,HOST:PORT]`` is Kafka."""

    prefix: str = field(default="", validator=empty_or_not_blank)
    """Put in front of every topic and group name."""

    replication: int = field(default=1, validator=ge(1))
    """Copies of each partition of topics that are created; Kafka only."""

    deadline_seconds: float = field(default=30.0, validator=gt(0))
    """How long any single answer of the broker may take."""

    max_record_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """Largest record that is published, with its key and headers, on either broker;
    ``kafka.max_request_bytes``, 1 MB, if not given. Larger ones that are stored stay readable."""

    topics: Mapping[str, TopicSettings] = field(factory=dict)
    """Topics that the broker names or keeps differently than declared, by logical name."""

    groups: Mapping[str, str] = field(factory=dict, validator=no_blank_values)
    """Logical consumer group name to the name on the broker."""

    kafka: KafkaSettings = field(factory=KafkaSettings)
    """How to talk to Kafka."""

    @property
    def largest_record(self) -> int:
        """The limit of one record in bytes, whatever the broker."""
        return self.max_record_bytes or self.kafka.max_request_bytes
