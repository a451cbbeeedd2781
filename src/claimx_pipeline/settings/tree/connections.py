"""Section ``connections``: named HTTP services."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge, gt, le, optional

from claimx_pipeline.settings.kinds import (
    KIND,
    endpoint,
    header_name,
    header_token,
    headers,
    http_url,
    local_path,
    service_url,
)
from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.network import NetworkSettings
from claimx_pipeline.settings.tree.validators import empty_or_not_blank, not_blank

CLAIMX_API = "claimx_api"
"""Connection under which stages reach the ClaimX API."""


@frozen(kw_only=True)
class OAuth2Settings:
    """Client credentials that access tokens are asked for with."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "client_credential": "write 'client_secret'",
        "grant_type": "it is always client_credentials; remove it",
    }
    """Keys of the system before, each with what to write instead."""

    client_id: str = field(validator=not_blank)
    """Who asks."""

    client_secret: Secret | None = None
    """Its credential; never sent anywhere but to ``token_url``."""

    client_secret_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """File that holds the credential instead; read for each token."""

    token_url: str = field(validator=not_blank, repr=masked_repr, metadata={KIND: http_url})
    """Where tokens are handed out."""

    scope: str | None = field(default=None, validator=optional(not_blank))
    """What the token is for, if the service asks for that."""


@frozen(kw_only=True)
class ConnectionSettings:
    """A named HTTP service."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "enabled": "a connection is opened by what uses it; remove it",
        "name": "the connection's name is the key above; remove it",
        "retry_backoff_base": "write 'backoff_seconds'",
        "retry_backoff_max": "write 'backoff_max_seconds'",
        "endpoint": "write it in the stage that sends",
        "method": "write it in the stage that sends",
    }
    """Keys of the system before, each with what to write instead."""

    base_url: str = field(validator=not_blank, repr=masked_repr, metadata={KIND: service_url})
    """Where it is; ``file://DIR`` writes requests as files instead of sending them."""

    auth_type: Literal["none", "bearer", "api_key", "basic", "oauth2"] = "none"
    """How the token is sent; basic takes it already base64-encoded, oauth2 asks for one."""

    auth_token: Secret | None = field(default=None, metadata={KIND: header_token})
    """Credential."""

    auth_token_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """File that holds the credential instead; read again when it changes."""

    auth_header: str | None = field(
        default=None, validator=optional(empty_or_not_blank), metadata={KIND: header_name}
    )
    """Header that carries the credential, if not the usual one."""

    oauth2: OAuth2Settings | None = None
    """Client credentials of ``auth_type: oauth2``."""

    headers: Mapping[str, str] = field(factory=dict, repr=False, metadata={KIND: headers})
    """Sent with every request."""

    timeout_seconds: float = field(default=30.0, validator=gt(0))
    """Total time of one request."""

    connect_timeout_seconds: float = field(default=5.0, validator=gt(0))
    """Time to open a connection."""

    max_retries: int = field(default=2, validator=[ge(0), le(10)])
    """Further tries of a request that failed in a way that may pass."""

    backoff_seconds: float = field(default=0.5, validator=gt(0))
    """First wait between tries; doubles each time, with jitter."""

    backoff_max_seconds: float = field(default=30.0, validator=gt(0))
    """Longest wait between tries, unless the service asks for longer."""

    max_concurrent: int = field(default=20, validator=[ge(1), le(1000)])
    """Requests under way at once in one process."""

    keep_alive: bool = True
    """Whether a connection serves several requests. Without, each request opens one of its own,
    for a service whose gateway drops idle connections."""

    max_answer_bytes: int = field(default=64 * 1024 * 1024, validator=ge(1024))
    """Read of one answer at most, unpacked; a larger one is refused where it must be read."""

    breaker_failures: int = field(default=5, validator=ge(0))
    """Requests that fail in a row before no more are sent for a while; 0 for never."""

    breaker_open_seconds: float = field(default=15.0, validator=gt(0))
    """How long nothing is sent then; afterwards one request tries whether it works again."""

    probe: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: endpoint}
    )
    """Path of a harmless GET that tells a failing service from a failing request."""

    network: NetworkSettings = field(factory=NetworkSettings)
    """What differs here from the section ``network``; for ``oauth2.token_url`` too."""
