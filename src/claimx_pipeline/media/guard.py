"""What may be fetched: which links, and which addresses a connection may go to.

Links come from outside, so a link is refused unless it leads to an allowed host;
and a host's name is refused unless every address behind it is a public one. The addresses
are checked where the connection is made: the one that was checked is the one connected to,
whatever the name says a moment later.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Iterable
from urllib.parse import urljoin, urlsplit

from attrs import field, frozen

from claimx_pipeline.errors import RecordError
from claimx_pipeline.redaction import redacted

_DEFAULT_PORTS = {"https": 443, "http": 80}
_SHOWN_CHARACTERS = 120

_NAME = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*\.?\Z")  # fmt: skip  # noqa: E501 - one pattern
_NUMERIC_LABEL = re.compile(r"(0x[0-9a-f]*|[0-9]+)\Z")
_UNFIT = re.compile(r"[\x00-\x20\x7f\\]")

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Where a network without IPv4 has its way to all of IPv4 (RFC 6052)."""

_EMBEDDED_IPV4 = (
    (_NAT64, 0),
    (ipaddress.IPv6Network("64:ff9b:1::/48"), 0),
    (ipaddress.IPv6Network("2002::/16"), 80),
    (ipaddress.IPv6Network("::/96"), 0),
)
"""Networks whose addresses lead to an IPv4 address, and how many bits follow it.

Local NAT64 (RFC 8215), 6to4 (RFC 3056), IPv4-compatible (RFC 4291).
"""

_NOT_FOR_CLIENTS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "100.64.0.0/10",  # shared by carriers; some clouds keep their metadata here
        "168.63.129.16/32",  # Azure's own services: a public address, but of the machine's host
        "192.0.0.0/24",
        "192.88.99.0/24",  # 6to4 relays
        "198.18.0.0/15",
        "2001::/23",  # Teredo and others that lead elsewhere
        "2001:db8::/32",
        "2002::/16",
        "3fff::/20",
        "5f00::/16",
        "100::/64",
        "fec0::/10",  # site-local, as it once was
        "fd00:ec2::/32",  # metadata of a cloud
    )
)
"""Ranges beyond what ``ipaddress`` calls private, reserved, multicast and the like."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class LinkRefusedError(RecordError):
    """A link, or an address behind it, that nothing may be fetched from."""


@frozen
class HostPort:
    """One host and port, exactly."""

    host: str
    """Lower case, without the brackets of an IPv6 address."""
    port: int

    @classmethod
    def parse(cls, text: str, default_port: int = 443) -> HostPort:
        """Return what *text* names: ``host``, ``host:port`` or ``[address]:port``.

        Raises:
            ValueError: It names none.
        """
        parts = urlsplit(f"//{text.strip().lower()}")
        if not parts.hostname or parts.path or parts.query or parts.fragment or "@" in text:
            raise ValueError(
                f"{text!r} is not a valid host; write host or host:port, without https://"
            )
        return cls(parts.hostname.rstrip("."), parts.port or default_port)

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@frozen
class Target:
    """A link that was checked."""

    link: str
    """To be sent as it is: a signed link must not be rewritten."""
    scheme: str
    host_port: HostPort

    @property
    def shown(self) -> str:
        """The link as it may be shown: without its signature."""
        return redacted(self.link)


def _host_ports(texts: Iterable[str]) -> frozenset[HostPort]:
    return frozenset(HostPort.parse(text) for text in texts)


def _host_ports_or_all(texts: Iterable[str] | None) -> frozenset[HostPort] | None:
    return None if texts is None else _host_ports(texts)


@frozen
class Guard:
    """Says what may be fetched.

    Args:
        allowed_hosts: ``host`` (port 443) or ``host:port``; None allows every host that has
            public addresses only.
        development_hosts: ``host:port`` pairs that may be reached by plain HTTP and at
            private addresses.

    Raises:
        ValueError: One of them is not a host.
    """

    allowed_hosts: frozenset[HostPort] | None = field(converter=_host_ports_or_all)
    development_hosts: frozenset[HostPort] = field(default=(), converter=_host_ports)

    def check(self, link: str) -> Target:
        """Return *link* as a target.

        Raises:
            LinkRefusedError: Nothing may be fetched from it; permanent.
        """
        target = _parsed(link)
        if target.host_port in self.development_hosts:
            return target
        if target.scheme != "https":
            raise _refused(link, f"{target.scheme} is not allowed, only https is")
        address = literal_address(target.host_port.host)
        if address is not None:
            # Also where all hosts are allowed: no service hands out links to bare addresses.
            raise _refused(link, f"{address} is an address, not the name of a host")
        if self.allowed_hosts is not None and target.host_port not in self.allowed_hosts:
            raise _refused(link, f"host {target.host_port} is not among the allowed hosts")
        if self.allowed_hosts is None and target.host_port.port != _DEFAULT_PORTS["https"]:
            raise _refused(link, f"port {target.host_port.port} is not allowed, only 443 is")
        return target

    def follow(self, target: Target, location: str) -> Target:
        """Return where a redirect from *target* leads, checked as any other link.

        Raises:
            LinkRefusedError: Nothing may be fetched from there; permanent.
        """
        if _UNFIT.search(location.strip(" ")):
            raise _refused(location, "it holds characters that no link may hold")
        try:
            joined = urljoin(target.link, location.strip(" "))
        except ValueError:
            raise _refused(location, "it is not a valid link") from None
        return self.check(joined)

    def check_address(self, address: str, host_port: HostPort) -> None:
        """See that a connection to *host_port* may go to *address*.

        Raises:
            LinkRefusedError: It may not; permanent.
        """
        if host_port not in self.development_hosts and (why := forbidden(address)):
            raise LinkRefusedError(f"host {host_port} is not connected to: {address} is {why}")


def literal_address(host: str) -> Address | None:
    """Return the address that *host* is, in any of the forms that resolvers take for one.

    ``2130706433``, ``0x7f.1`` and ``017700000001`` are 127.0.0.1.
    """
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    labels = host.rstrip(".").split(".")
    if not all(_NUMERIC_LABEL.match(label) for label in labels):
        return None
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host.rstrip(".")))
    except OSError:
        # Digits that are not an address: no name of a host ends in a number (RFC 3696).
        return ipaddress.IPv4Address(0)


def forbidden(address: str) -> str | None:
    """Return why nothing may be connected to at *address*; None if it is public."""
    try:
        found: Address = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return "not an address"
    if isinstance(found, ipaddress.IPv6Address):
        inner = _embedded(found)
        if inner is not None and (why := _not_public(inner)):
            return f"{inner}, {why}"
        if inner is not None and (found.ipv4_mapped or found in _NAT64):
            return None
    return _not_public(found)


def _not_public(address: Address) -> str | None:
    for name in ("unspecified", "loopback", "link_local", "multicast", "private", "reserved"):
        if getattr(address, f"is_{name}"):
            return f"a {name.replace('_', '-')} address"
    if not address.is_global or any(address in network for network in _NOT_FOR_CLIENTS):
        return "not a public address"
    return None


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    for network, bits_behind in _EMBEDDED_IPV4:
        if address in network:
            return ipaddress.IPv4Address(int(address) >> bits_behind & 0xFFFFFFFF)
    return None


def _parsed(link: str) -> Target:
    """Take *link* apart; what two readers could read differently is refused."""
    if _UNFIT.search(link):
        raise _refused(link, "it holds characters that no link may hold")
    try:
        parts = urlsplit(link)
        port = parts.port
    except ValueError:
        raise _refused(link, "it is not a valid link") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise _refused(link, f"{parts.scheme or 'no scheme'} is not allowed, only https is")
    host = (parts.hostname or "").lower()
    if "@" in parts.netloc:
        raise _refused(link, "it names a user")
    if not _is_host(host):
        raise _refused(link, "it names no host")
    host_port = HostPort(host.rstrip("."), _DEFAULT_PORTS[parts.scheme] if port is None else port)
    return Target(link, parts.scheme, host_port)


def _is_host(host: str) -> bool:
    if ":" in host:
        try:
            return "%" not in host and ipaddress.IPv6Address(host) is not None
        except ValueError:
            return False
    return _NAME.match(host) is not None


def _refused(link: str, why: str) -> LinkRefusedError:
    shown = redacted(link.partition("?")[0])
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}…"
    return LinkRefusedError(f"link {shown!r} is refused: {why}")
