"""Where the credential of a connection comes from, if it changes."""

from __future__ import annotations

from typing import Protocol

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.counting import Counting
from claimx_pipeline.connections.oauth2 import OAuth2Token, TokenService, token_service_settings
from claimx_pipeline.connections.renewed import RenewedCredential
from claimx_pipeline.connections.token_file import open_token_file
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.telemetry.request_metrics import RequestMetrics


class Connect(Protocol):
    """Makes a connection: the class itself, which this module cannot import."""

    def __call__(
        self,
        name: str,
        settings: ConnectionSettings,
        clock: Clock,
        *,
        metrics: RequestMetrics | None,
    ) -> TokenService:
        """Return the connection."""
        ...


def open_renewed(
    name: str, settings: ConnectionSettings, counting: Counting, connect: Connect
) -> RenewedCredential | None:
    """Return where a credential that changes comes from; None if it never does.

    Args:
        name: Name of the connection.
        settings: Its settings.
        counting: Counts renewals, and the requests for tokens.
        connect: Makes the connection to a token service.

    Raises:
        SettingsError: The file of the credential cannot be read.
    """
    oauth2, clock = settings.oauth2, counting.clock
    if settings.auth_type != "oauth2" or oauth2 is None:
        return open_token_file(name, settings, clock, counting.renewed)
    service = token_service_settings(settings, oauth2)
    tokens = connect(f"{name} (tokens)", service, clock, metrics=counting.metrics)
    return OAuth2Token(name, oauth2, tokens, clock, on_renewal=counting.renewed)
