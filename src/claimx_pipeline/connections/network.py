"""How services are reached: through which proxy, and by which authorities they are trusted."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from yarl import URL

from claimx_pipeline.errors import Category
from claimx_pipeline.settings.tree.network import DIRECT, NetworkSettings

if TYPE_CHECKING:
    from aiohttp.abc import AbstractResolver

_PORTS = {"http": 80, "https": 443}
_LOGIN_WANTED = 407


def proxy_to(url: str, network: NetworkSettings) -> URL | None:
    """Return the proxy through which *url* is reached, its login in it; None for directly.

    ``no_proxy`` names a host exactly, with or without its port; ``.domain`` all below it.
    """
    if network.proxy is None or network.proxy == DIRECT:
        return None
    parts = urlsplit(url)
    host = (parts.hostname or "").lower().rstrip(".")
    port = parts.port or _PORTS.get(parts.scheme, 0)
    for entry in network.no_proxy or ():
        excepted = entry.lower()
        if excepted.startswith(".") and host.endswith(excepted):
            return None
        if excepted.strip("[]") == host or excepted in {f"{host}:{port}", f"[{host}]:{port}"}:
            return None
    proxy = URL(network.proxy)
    if network.proxy_username is None:
        return proxy
    password = network.proxy_password.reveal() if network.proxy_password else ""
    return proxy.with_user(network.proxy_username).with_password(password)


async def look_ahead(resolver: AbstractResolver | None, url: URL) -> None:
    """Let a guard see where a name leads before a proxy is asked for it.

    The proxy looks the name up itself; one that only it can look up is its own concern.

    Raises:
        RecordError: The guard refuses an address of the name.
    """
    if resolver is not None and url.host is not None:
        with contextlib.suppress(OSError):
            await resolver.resolve(url.host, url.port or 0)


def proxy_failure(error: BaseException) -> tuple[str, Category] | None:
    """Return what is wrong with the proxy, and how a record fails of it; None if nothing is."""
    import aiohttp  # noqa: PLC0415 - slow to import, and loaded since a connection was made

    if isinstance(error, aiohttp.ClientHttpProxyError):
        if error.status == _LOGIN_WANTED:
            hint = "check network.proxy_username and network.proxy_password"
            return f"the proxy wants a login it did not get (407); {hint}", Category.AUTH
        said = f"{error.status} {error.message}".strip()
        return f"the proxy makes no connection to it ({said})", Category.TRANSIENT
    if isinstance(error, aiohttp.ClientProxyConnectionError):
        where = f"{error.host}:{error.port}"
        return f"the proxy {where} cannot be reached; check network.proxy", Category.TRANSIENT
    return None
