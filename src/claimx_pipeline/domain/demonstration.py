"""What ``claimx-run demo`` needs of a domain: its outside world, and the events that happen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

from attrs import frozen


@frozen(kw_only=True)
class Wave:
    """Events that are published together and dealt with before the next."""

    title: str
    """When or what it is, shown as it begins: ``01 Jan 08:00 to 01 Jan 12:00``."""
    events: Sequence[Any]
    """Raw events: bytes as they are, anything else as JSON."""
    keys: Sequence[str]
    """Key of the record of each."""


class Demonstration(Protocol):
    """Plays a domain's outside world within ``async with``; made with seed and number of events.

    ``Domain.demo`` names the class: ``MyDemonstration(seed, events)``.
    """

    async def __aenter__(self) -> Self:
        """Start what the domain asks and fetches from, on loopback."""
        ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        ...

    def settings(self) -> str:
        """Return the settings that lead to it, YAML; called once it has started."""
        ...

    def hosts(self) -> Sequence[str]:
        """Return ``host:port`` of what serves its files; none if the domain has none."""
        ...

    def waves(self) -> Iterator[Wave]:
        """Yield the events in their order; its clock goes on as they are taken."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Return what came of it that no table shows, for the result; called at the end."""
        ...

    def summary(self, result: Mapping[str, Any]) -> Sequence[str]:
        """Return lines about the *result*, which has ``events``, ``tables`` and ``files``."""
        ...

    def queries(self) -> Sequence[str]:
        """Return names of the queries that are asked and shown at the end."""
        ...


@runtime_checkable
class Extensible(Protocol):
    """A demonstration whose world plugins may extend."""

    def extend(self, plugins: Any) -> None:
        """Add what the loaded *plugins* bring; called before it starts."""
        ...
