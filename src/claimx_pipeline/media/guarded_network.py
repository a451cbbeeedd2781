"""Lets a guard see every address that aiohttp is about to connect to."""

from __future__ import annotations

import socket
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from attrs import define, field, frozen

from claimx_pipeline.media.guard import Guard, HostPort


@define(eq=False)
class GuardedResolver(AbstractResolver):
    """Looks names up and lets the guard see every address before it is connected to.

    aiohttp connects to exactly the addresses that a resolver returns.
    """

    guard: Guard
    _names: AbstractResolver = field(factory=ThreadedResolver)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Return the addresses of *host*.

        Raises:
            LinkRefusedError: One of them is not public.
            OSError: The name has none.
        """
        found = await self._names.resolve(host, port, family)
        host_port = HostPort(host.lower().rstrip("."), port)
        for result in found:
            # One bad address is enough: a name of two worlds is a trick, not a service.
            self.guard.check_address(result["host"], host_port)
        return found

    async def close(self) -> None:
        """Release the resolver of names."""
        await self._names.close()


@frozen
class GuardedSockets:
    """Opens sockets for aiohttp; the last look at an address before a packet leaves.

    A host written as an address is never looked up, so no resolver sees it.
    """

    guard: Guard

    def __call__(self, address: tuple[Any, ...]) -> socket.socket:
        """Return a socket for an entry as ``socket.getaddrinfo`` gives them.

        Raises:
            LinkRefusedError: The address is not public, nor that of a development host.
        """
        family, kind, protocol, _, (host, port, *_) = address
        if not self._is_development(port):
            self.guard.check_address(host, HostPort(host, port))
        made = socket.socket(family, kind, protocol)
        made.setblocking(False)
        return made

    def _is_development(self, port: int) -> bool:
        # By port alone: which name led here is the resolver's and the link's concern.
        return any(host_port.port == port for host_port in self.guard.development_hosts)
