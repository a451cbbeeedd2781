"""What a source is: something that is read from a position on, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from attrs import define, field, frozen
from attrs.validators import gt, matches_re, optional

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.settings.tree.sources import SourceSettings

if TYPE_CHECKING:
    from claimx_pipeline.runtime.resources import Resources

__all__ = [
    "NAME",
    "Page",
    "Source",
    "SourceError",
    "SourceRecord",
    "SourceSettings",
    "SourceSpec",
    "SourceType",
    "TellsProgress",
]

NAME = r"[a-z0-9][a-z0-9._-]{0,99}"
"""What a source may be called: its topic and its worker are called after it."""


@define
class SourceError(ClaimxError):
    """A source cannot be read from here on; the sentence says why and what to do."""

    reason: str
    """What is wrong, in one sentence."""
    passes: bool = False
    """Whether it is likely to pass by itself: then it is tried again soon. Otherwise a person
    has to put it right, and the worker does nothing until it is."""

    def __str__(self) -> str:
        return self.reason


@frozen(kw_only=True)
class SourceRecord:
    """One event as a source has it."""

    value: bytes
    """The event, as it is to be published."""
    at: str
    """Where it is in the source, the same whenever and by whomever it is read again.

    An event that has neither an id nor a time of its own is known by it.
    """
    time: datetime | None = None
    """When the source took it in, aware; the time of an event that has none of its own."""
    key: bytes | None = None
    """Key to publish it under; None for the one that its domain reads in it."""
    headers: tuple[tuple[str, bytes], ...] = ()
    """Headers of the record that is published."""
    fault: str = ""
    """Why it can never be published; it becomes a dead letter. Empty for every good one."""


Page = tuple[Sequence[SourceRecord], Any]
"""Records of a source, and the position after them."""


class Source(Protocol):
    """Is read from a position on. One instance is read by one worker at a time."""

    async def read(self, position: Any) -> Page:
        """Return the next records from *position* on, and the position after them.

        Must not block the event loop. Reading from one position again gives the same records in
        the same order, and perhaps more. No records mean that there is nothing more now; the
        worker asks again later. A position may move without records.

        Args:
            position: What was returned last, or what was kept of it on the broker; None to begin
                at the beginning. Anything that JSON can hold, and small: it is stored once a page.

        Raises:
            SourceError: The source cannot be read from there on.
            OSError: It cannot be reached now; it is tried again.
        """
        ...

    async def close(self) -> None:
        """Release what was opened."""
        ...


@runtime_checkable
class TellsProgress(Protocol):
    """A source that can say how far it is."""

    def progress(self) -> str:
        """Return how far it is, in a few words for a log line."""
        ...


@frozen(kw_only=True)
class SourceSpec:
    """Declares a source; the worker ``source-<name>`` publishes what it reads."""

    name: str = field(validator=matches_re(NAME))
    """What it is called; its worker is ``source-<name>``."""
    summary: str
    """One line for ``claimx-run worker --list``."""
    build: Callable[[Resources], Source]
    """Makes the source; may only look at settings, must not connect."""
    topic: str = ""
    """Logical name of the topic that its events go to; empty for the first domain's raw topic."""
    rate: float | None = field(default=None, validator=optional(gt(0)))
    """Events per second, at most; None for as fast as the broker takes them."""
    poll_seconds: float = field(default=5.0, validator=gt(0))
    """How long to wait before it is asked again once it had nothing more."""
    read_seconds: float = field(default=120.0, validator=gt(0))
    """How long reading one page may take."""
    needs: tuple[str, ...] = ()
    """Dotted prefixes of the settings it uses; a ``${VAR}`` under them must resolve."""


@frozen(kw_only=True)
class SourceType:
    """A type of source that settings can make sources of: ``sources.<name>.type``."""

    name: str
    """What settings write as ``type``."""
    summary: str
    """One line for ``claimx-run worker --list``, of every source of the type."""
    make: Callable[[SourceSettings, Any, Resources], Source]
    """Makes a source from its block of the settings and its options; must not connect."""
    options: type[Any] | None = None
    """attrs class of ``sources.<name>.options``; None if the type has none."""
    check: Callable[[SourceSettings], Iterable[str]] = field(default=lambda _: ())
    """Says what is wrong with the block of a source, a sentence each."""
    needs: tuple[str, ...] = ()
    """As of ``SourceSpec``."""
