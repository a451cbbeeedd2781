"""What a plugin adds to a domain that is another's: kinds with tables, columns, handlers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.spec import Column, TableSpec
from claimx_pipeline.domain.answer_columns import AnsweredColumn
from claimx_pipeline.domain.entities import rows_of
from claimx_pipeline.domain.handlers import EventHandler
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.domain.log_table import count_column
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain


@frozen(kw_only=True, eq=False)
class DomainExtension:
    """What a plugin adds to a domain: event types by their handlers, kinds, columns."""

    domain: str = BRAND
    """Name of the domain that it is added to."""
    kinds: tuple[EntityKind, ...] = field(default=(), converter=tuple)
    """Further kinds of entity, each with its table; written after those there are."""
    columns: Mapping[str, Sequence[Column]] = field(factory=dict)
    """Kind of entity to further columns of its table. Their names begin with the plugin's and
    ``_``, and they may be null. Those made by ``answered(…)`` are read from the same answers as
    the kind's other columns, the rest is filled by the plugin's handlers and hooks."""
    event_columns: Mapping[str, Mapping[str, str]] = field(factory=dict)
    """Kind of entity to those of its new columns that events set, each with the new column that
    holds the time of the event: what an event said is replaced only by what a later one says."""
    handlers: Callable[[Clock], Iterable[EventHandler[Any, Any]]] = lambda _: ()
    """Makes the handlers of further event types, once per process."""


def with_kinds(
    domain: Domain, plugin: str, extension: DomainExtension, reserved: Collection[str] = ()
) -> Domain:
    """Return *domain* with the kinds and handlers that *plugin* adds to it.

    Args:
        domain: The domain.
        plugin: The plugin's name: a worker without it refuses rows of its kinds by this name.
        extension: What it adds.
        reserved: Names that a kind cannot have besides those that the domain has.

    Raises:
        ValueError: A kind cannot be added; the text names who has what is in its way.
    """
    found = domain
    for kind in extension.kinds:
        for name in filter(None, (kind.name, kind.singular)):
            _refuse_taken(found, kind, name, reserved)
        _refuse_table(found, kind)
        added = evolve(kind, plugin=plugin, table=evolve(kind.table, plugin=plugin))
        rows = type(found.rows.__name__, (found.rows,), {"__slots__": ()})
        count = evolve(count_column(added), plugin=plugin)
        found = evolve(
            found,
            kinds=(*found.kinds, added),
            rows=rows_of([added])(rows),
            event_log=_widened(found.event_log, [count], {}),
        )
    return evolve(found, extensions=(*found.extensions, (plugin, extension)))


def with_columns(domain: Domain, plugin: str, extension: DomainExtension) -> Domain:
    """Return *domain* with the columns that *plugin* adds to its tables.

    Raises:
        ValueError: A column cannot be added; the text names who has what is in its way.
    """
    kinds = {kind.name: kind for kind in domain.kinds}
    for name in {**extension.columns, **extension.event_columns}:
        if name not in kinds:
            raise ValueError(
                f"it adds columns to the kind {name!r}, which domain {domain.name!r} does not "
                f"have; it has {', '.join(kinds)}"
            )
        columns = extension.columns.get(name, ())
        for column in columns:
            _refuse_column(kinds[name], plugin, column)
        events = extension.event_columns.get(name, {})
        _refuse_event_columns(name, columns, events)
        owned = [evolve(column, plugin=plugin) for column in columns]
        kinds[name] = evolve(kinds[name], table=_widened(kinds[name].table, owned, events))
    return evolve(domain, kinds=tuple(kinds.values()))


def _refuse_taken(domain: Domain, kind: EntityKind, name: str, reserved: Collection[str]) -> None:
    by_name = {each.name: each for each in domain.kinds}
    by_singular = {each.singular: each for each in domain.kinds if each.singular}
    what = f"it adds the kind {kind.name!r} to domain {domain.name!r}"
    if (other := by_name.get(name) or by_singular.get(name)) is not None:
        owner = f"plugin {other.plugin!r}" if other.plugin else "the domain itself"
        raise ValueError(
            f"{what}, where {owner} has {name!r} already; choose another name than {name!r}"
        )
    if name in reserved or name == domain.key_name or hasattr(domain.event, name):
        raise ValueError(
            f"{what}, and {name!r} is an attribute of what plugins are shown of an event; choose "
            "another name"
        )
    # What all classes of rows have is refused by rows_of.
    rows_of([evolve(kind, name=name)])


def _refuse_table(domain: Domain, kind: EntityKind) -> None:
    owners = {each.table.name: each.plugin for each in domain.kinds}
    for table in domain.all_tables():
        if table.name == kind.table.name:
            owner = owners.get(table.name)
            whose = f"plugin {owner!r}" if owner else f"domain {domain.name!r}"
            raise ValueError(
                f"its kind {kind.name!r} has the table {table.name!r}, which {whose} has already; "
                "give it a table of its own"
            )


def _refuse_column(kind: EntityKind, plugin: str, column: Column) -> None:
    prefix = f"{plugin.replace('-', '_')}_"
    table, name = kind.table, column.name
    what = f"it adds the column {name!r} to table {table.name!r}"
    stored = {each.name: each for each in table.stored_columns()}
    if name in stored:
        owner = stored[name].plugin
        raise ValueError(
            f"{what}, which {f'plugin {owner!r} has added' if owner else 'has it'} already; "
            "choose another name"
        )
    if not name.startswith(prefix) or not name.isidentifier():
        raise ValueError(
            f"{what}; columns that a plugin adds to a table of others begin with its name, so "
            f"call it {prefix + name!r}"
        )
    if not column.nullable:
        raise ValueError(f"{what} as one that is never null, and the rows there are lack it")
    parts = column.fields if isinstance(column, AnsweredColumn) else ()
    if unknown := sorted(set(parts) - set(kind.parts)):
        known = ", ".join(repr(each) for each in kind.parts) or "none"
        raise ValueError(
            f"{what}, read from the part {unknown[0]!r} of an answer, from which nothing of "
            f"{kind.name!r} is read; its parts are {known}"
        )


def _refuse_event_columns(kind: str, columns: Sequence[Column], events: Mapping[str, str]) -> None:
    own = {column.name: column for column in columns}
    for name, time in events.items():
        if not {name, time} <= own.keys():
            raise ValueError(
                f"its event column {name!r} of {kind!r} and its time {time!r} must both be columns "
                f"that it adds; it adds {', '.join(own) or 'none'}"
            )
        import pyarrow as pa  # noqa: PLC0415 - workers without tables do without it

        if not pa.types.is_timestamp(own[time].type):
            raise ValueError(f"its column {time!r} of {kind!r} must be a TIMESTAMP: it is a time")


def _widened(table: TableSpec, columns: Sequence[Column], events: Mapping[str, str]) -> TableSpec:
    return evolve(
        table,
        columns=(*table.columns, *columns),
        event_columns={**table.event_columns, **events},
    )
