"""How the source logs in."""

from __future__ import annotations

import asyncio
from pathlib import Path

from attrs import frozen
from azure.kusto.data import KustoConnectionStringBuilder

from claimx_pipeline import Secret
from claimx_pipeline.sources import SourceError


@frozen(kw_only=True)
class Login:
    """Settings under ``sources.<name>.options.login``; the first that is given counts."""

    token_file: str | None = None
    """File that holds a token, renewed by another program; read for every query."""

    client_id: str | None = None
    """Of an application, with its secret and its tenant."""

    client_secret: Secret | None = None
    """Of the application."""

    tenant_id: str | None = None
    """Of the application."""

    managed_identity: bool = False
    """Use the identity of the machine; the one of ``client_id``, if that is given alone."""


def connection(cluster: str, login: Login) -> KustoConnectionStringBuilder:
    """Return the way to *cluster*.

    Raises:
        SourceError: The settings name no way to log in to it.
    """
    builder = KustoConnectionStringBuilder
    if login.token_file is not None:
        file = Path(login.token_file)
        return builder.with_async_token_provider(cluster, lambda: _token(file))
    if login.managed_identity:
        if login.client_id:
            return builder.with_aad_managed_service_identity_authentication(
                cluster, client_id=login.client_id
            )
        return builder.with_aad_managed_service_identity_authentication(cluster)
    if login.client_id and login.client_secret is not None and login.tenant_id:
        secret = login.client_secret.reveal()
        return builder.with_aad_application_key_authentication(
            cluster, login.client_id, secret, login.tenant_id
        )
    if cluster.startswith("http://"):
        return builder.with_no_authentication(cluster)
    raise SourceError(
        "options.login is missing; give token_file, or client_id with client_secret and tenant_id, "
        "or managed_identity: true"
    )


async def _token(file: Path) -> str:
    text = await asyncio.to_thread(file.read_text, encoding="utf-8-sig")
    return text.strip()
