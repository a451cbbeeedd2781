"""Where the credential of a connection comes from, if it changes."""

from __future__ import annotations

from collections.abc import Callable

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.oauth2 import OAuth2Token, TokenService, token_service_settings
from claimx_pipeline.connections.renewed import RenewedCredential
from claimx_pipeline.connections.token_file import open_token_file
from claimx_pipeline.settings.tree.connections import ConnectionSettings


def open_renewed(
    name: str,
    settings: ConnectionSettings,
    clock: Clock,
    connect: Callable[[str, ConnectionSettings], TokenService],
    on_renewal: Callable[[bool], None],
) -> RenewedCredential | None:
    """Return where a credential that changes comes from; None if it never does.

    Args:
        name: Name of the connection.
        settings: Its settings.
        clock: Tells when a credential ends.
        connect: Makes the connection to a token service, from its name and settings.
        on_renewal: Called after each renewal, with whether it worked.

    Raises:
        SettingsError: The file of the credential cannot be read.
    """
    oauth2 = settings.oauth2
    if settings.auth_type != "oauth2" or oauth2 is None:
        return open_token_file(name, settings, clock, on_renewal)
    tokens = connect(f"{name} (tokens)", token_service_settings(settings, oauth2))
    return OAuth2Token(name, oauth2, tokens, clock, on_renewal=on_renewal)
