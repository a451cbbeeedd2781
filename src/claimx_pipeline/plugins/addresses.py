"""Which URLs may be called for a plugin: those of the settings, and public ones.

A plugin may take a URL out of an event, which a stranger wrote. Such a URL must not lead
into the network that the worker runs in.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Protocol
from urllib.parse import SplitResult, urlsplit

from attrs import field, frozen

_PORTS = {"http": 80, "https": 443}

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""Addresses that stand for the IPv4 address in their last 32 bits (RFC 6052)."""


class Resolver(Protocol):
    """Looks up the addresses of a host."""

    async def __call__(self, host: str, port: int) -> Iterable[str]:
        """Return every address.

        Raises:
            OSError: There is none.
        """
        ...


async def system_resolver(host: str, port: int) -> Iterable[str]:
    """Return every address that the system knows for *host*.

    Raises:
        OSError: There is none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return {str(address[0]) for *_, address in found}


@frozen
class OutgoingUrls:
    """Decides which URLs may be called."""

    origins: frozenset[str]
    """Scheme, host and port of each URL in the settings."""
    _resolver: Resolver = field(default=system_resolver, repr=False)

    @classmethod
    def of(cls, urls: Iterable[str], resolver: Resolver = system_resolver) -> OutgoingUrls:
        """Return what allows the hosts of *urls* and every public one."""
        return cls(frozenset(filter(None, map(origin_of, urls))), resolver)

    async def refusal(self, url: str) -> str | None:
        """Return why *url* must not be called, None if it may.

        Raises:
            OSError: Its host cannot be looked up.
        """
        origin = origin_of(url)
        if origin is None:
            return "it is no http or https URL with a host and without a user"
        if origin in self.origins:
            return None
        parts = urlsplit(url)
        host, port = parts.hostname or "", _port_of(parts) or 0
        addresses = list(await self._resolver(host, port))
        if not addresses:
            return f"{host!r} has no address"
        for address in addresses:
            if not is_public(address):
                return (
                    f"{host!r} has the address {address}, which is not a public one; "
                    "write the URL into the plugin's settings, or make it a connection"
                )
        return None


def is_public(address: str) -> bool:
    """Tell whether anybody on the internet may be meant by *address*."""
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        translated = ipaddress.IPv4Address(found.packed[-4:]) if found in _NAT64 else None
        found = found.ipv4_mapped or found.sixtofour or translated or found
    return found.is_global and not found.is_multicast


def origin_of(url: str) -> str | None:
    """Return scheme, host and port of a URL that can be called, None of any other."""
    try:
        parts = urlsplit(url)
        port = _port_of(parts)
    except ValueError:
        return None
    if parts.scheme not in _PORTS or not parts.hostname or "@" in parts.netloc:
        return None
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}:{port}"


def _port_of(parts: SplitResult) -> int | None:
    return parts.port or _PORTS.get(parts.scheme)
