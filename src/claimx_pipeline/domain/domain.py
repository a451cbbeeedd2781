"""What a domain is: where its events come from, what they become, and what is asked for it.

Everything else follows from it: its topics, consumer groups, retry families, dead letters and
workers. The pipeline's own parts register the first domain by the same hook as plugins do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from attrs import Attribute, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.rows import Columns
from claimx_pipeline.delta.spec import BUCKETS, TableSpec
from claimx_pipeline.domain.answer_columns import Unreadable
from claimx_pipeline.domain.decoding import checked_decode
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.events import Decode
from claimx_pipeline.domain.extension import DomainExtension
from claimx_pipeline.domain.files import FILE_KINDS, DomainFiles, FileFlow
from claimx_pipeline.domain.handlers import EventHandler, FoundRows
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.domain.messages import DomainMessages
from claimx_pipeline.domain.people import PersonColumns
from claimx_pipeline.errors import ClaimxError, Problem, RecordError
from claimx_pipeline.isolation import as_failure, described
from claimx_pipeline.media.topics import FileTopics
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import DomainTopics

if TYPE_CHECKING:
    from claimx_pipeline.connections.registry import Connections

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class DomainReader(Protocol):
    """What asks a domain's API for its handlers; they know which methods it has besides."""

    async def close(self) -> None:
        """Close its connections."""
        ...


class ReaderParts(Protocol):
    """What a reader is made from: the resources of the worker that uses it."""

    @property
    def settings(self) -> Settings:
        """All settings."""
        ...

    @property
    def clock(self) -> Clock:
        """The pipeline's clock."""
        ...

    @property
    def connections(self) -> Connections:
        """The named connections."""
        ...


class ActionRun(Protocol):
    """Carries out an action that a plugin asked for, in worker ``actions``."""

    async def __call__(self, asked: Any, connections: Connections, key: str) -> None:
        """Carry out what was asked; *key* is the same whenever it is tried again.

        Raises:
            RecordError: It failed.
        """
        ...


@frozen(kw_only=True)
class ActionKind:
    """A kind of action of a domain's own, which worker ``actions`` carries out."""

    name: str
    """Its name in messages; what was asked is under the same name."""
    asked: type[Any]
    """attrs class of what is asked; it is read from JSON."""
    run: ActionRun
    """Carries one out."""


def _legal_name(_: object, __: Attribute[str], value: Any) -> None:
    if not (isinstance(value, str) and _NAME.fullmatch(value)):
        raise ValueError(
            f"a domain cannot be called {value!r:.60}; use up to 40 lower case letters, "
            "digits, '-' and '_', and begin with one of a to z"
        )


@frozen(kw_only=True, eq=False)
class Domain:
    """A domain of events. Two of them share runtime, tables, plugins and the code of workers."""

    name: str = field(validator=_legal_name)
    """Topics, consumer groups and the set of its workers are named by it."""
    summary: str
    """One line about it."""
    title: str = ""
    """What people call the service behind it; its name if not given."""
    key_name: str
    """The domain's word for an event's key: in its messages, and a column of its event log."""
    event: type[Any]
    """attrs class of its events, a ``DomainEvent``."""
    decoder: Callable[[Settings], Decode]
    """Makes the function that reads raw events, once per process. A domain's own settings are
    in a section that it registers by ``claimx_register_settings``."""
    kinds: tuple[EntityKind, ...] = ()
    """Kinds of entity, parents first: in this order they are written."""
    rows: type[RowsByKind]
    """Class of an event's rows, made by ``rows_of(kinds)``."""
    events_table: TableSpec
    """The table of its events, as they came."""
    event_columns: Callable[[Sequence[Any], Sequence[bytes | None], datetime], Columns]
    """Returns the rows of the events table, by column: of events, of the values of the records
    that they came in, and of the time when the rows are made."""
    event_log: TableSpec
    """What became of every event; made by ``event_log(…)``."""
    tables: tuple[TableSpec, ...] = ()
    """Further tables of the domain."""
    handlers: Callable[[Clock], Iterable[EventHandler[Any, Any]]] = lambda _: ()
    """Makes the handlers of its event types, once per process."""
    answer_handlers: Callable[[Clock, Unreadable], Iterable[EventHandler[Any, Any]]] = (
        lambda _, __: ()
    )
    """Makes those that read answers by ``kind.read(answer, unreadable)``: with the ``Unreadable``
    that they are given they also read the columns that plugins add to a kind."""
    reader: Callable[[ReaderParts], DomainReader] | None = None
    """Makes what handlers ask, once per member of the worker; None if nothing is asked."""
    needs: tuple[str, ...] = ()
    """Dotted prefixes of the settings that its reader and its handlers use."""
    check: Callable[[Settings, str], Sequence[Problem]] = lambda _, __: ()
    """Says what is missing in the settings before the worker of this name can ask the API."""
    files: DomainFiles | None = None
    """What its files are; None if it has none."""
    people: tuple[PersonColumns, ...] = ()
    """Where the people are named whose claims they are: ``claimx-run erase`` looks there."""
    connections: Callable[[Settings], Mapping[str, ConnectionSettings]] = lambda _: {}
    """Returns the connections that it brings, by name, for plugins, stages and actions."""
    actions: tuple[ActionKind, ...] = ()
    """Kinds of action of its own that plugins may ask for."""
    demo: str = ""
    """``module:Class`` of its ``Demonstration`` for ``claimx-run demo``, imported only there;
    empty if it has none."""
    marked_events: Callable[[str, str, datetime], Sequence[bytes]] | None = None
    """Returns raw events for ``claimx-run verify``: about a key, with ids that begin with a mark,
    and of a time. None if the user is to give some."""
    worker_prefix: str = field()
    """In front of the names of its workers: ``xact-enrichment``."""
    extensions: tuple[tuple[str, DomainExtension], ...] = ()
    """What plugins add to it, each with the plugin's name; filled in by the pipeline."""
    buckets: int = BUCKETS
    """Over how many buckets its keys are spread; filled in by the pipeline."""
    formerly: Mapping[str, frozenset[str]] = field(factory=dict)
    """Worker, without the prefix, to what it was called in earlier systems."""

    @worker_prefix.default
    def _prefix_of_name(self) -> str:
        return f"{self.name}-"

    @cached_property
    def topics(self) -> DomainTopics:
        """Its topics, consumer groups and retry families."""
        return DomainTopics(self.name)

    @cached_property
    def messages(self) -> DomainMessages:
        """The form of its internal messages."""
        return DomainMessages(
            key_name=self.key_name,
            event=self.event,
            kinds=self.kinds,
            rows=self.rows,
            event_log=self.event_log,
            rows_topic=self.topics.entities_rows.name,
            buckets=self.buckets,
        )

    @cached_property
    def file_flow(self) -> FileFlow | None:
        """What its workers of files have in common; None if it has no files."""
        if self.files is None:
            return None
        return FileFlow(self.name, self.worker_prefix, FileTopics.of(self.name), self.files)

    @property
    def called(self) -> str:
        """What people call it."""
        return self.title or self.name

    def reading(self, settings: Settings) -> Decode:
        """Return the function that reads raw events; all that it raises is ``DecodeError``.

        Raises:
            ClaimxError: The domain cannot make its decoder.
        """
        try:
            decode = self.decoder(settings)
        except BaseException as error:
            failed = as_failure(error, awaited=False)
            if isinstance(failed, ClaimxError):
                raise
            raise ClaimxError(
                f"domain {self.name!r} cannot make its decoder: {described(failed)}"
            ) from error
        if not callable(decode):
            raise ClaimxError(
                f"domain {self.name!r} cannot make its decoder: decoder(settings) returned a "
                f"{type(decode).__name__}, not a function"
            )
        return checked_decode(self.name, self.event, decode)

    def all_tables(self) -> tuple[TableSpec, ...]:
        """Return every table of the domain, parents before children."""
        kinds = (kind.table for kind in self.kinds)
        files = () if self.files is None else (self.files.table,)
        return (self.events_table, self.event_log, *kinds, *files, *self.tables)

    def own_handlers(
        self, clock: Clock, retyped: Callable[[str, str], None] = lambda _, __: None
    ) -> Iterator[EventHandler[Any, Any]]:
        """Yield the handlers of the domain itself.

        Args:
            clock: The pipeline's.
            retyped: Called with kind of entity and column of a value that cannot be read.
        """
        added = {
            part: fields for kind in self.kinds for part, fields in kind.added_fields().items()
        }
        yield from self.handlers(clock)
        yield from self.answer_handlers(clock, Unreadable(added=added, report=retyped))

    def worker_name(self, role: str) -> str:
        """Return the name of its worker for *role*, for example ``enrichment``."""
        return f"{self.worker_prefix}{role}"

    def sets(self, role: str) -> frozenset[str]:
        """Return the sets that its worker for *role* belongs to."""
        return frozenset({self.name, *(FILE_KINDS & {role})})

    def rows_from(self, found: FoundRows) -> RowsByKind:
        """Return *found* as rows of every kind, also those that plugins added.

        Raises:
            RecordError: There are rows of a kind that the domain does not have.
        """
        if type(found) is self.rows:
            return found
        by_kind = dict(found.items())
        if unknown := sorted(by_kind.keys() - self.rows.kinds()):
            raise RecordError(
                f"the handler returned rows of the kind {unknown[0]!r}, which domain "
                f"{self.name!r} does not have; it has {', '.join(self.rows.kinds())}"
            )
        return self.rows(**by_kind)
