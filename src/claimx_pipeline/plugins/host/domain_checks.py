"""What a domain must be like before workers are made of it; said when it is registered."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Any

import attrs

from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.files import FILE_KINDS
from claimx_pipeline.errors import ClaimxError, Refusals
from claimx_pipeline.isolation import as_failure, described

_PREFIX = re.compile(r"([a-z][a-z0-9_-]{0,40})?")
_EVENT_FIELDS = ("event_id", "event_type", "ingested_at", "id_has_time", "payload")
_IN_MESSAGES = frozenset({
    *("event_id", "event_type", "log", "rows", "plugins", "created_at"),  # tasks and rows
    *("kind", "plugin", "webhook", "domain"),  # actions, and the names of message templates
})  # fmt: skip
"""Fields beside the key, whose name a domain chooses, of messages that every domain has."""
_OF_WORKERS = frozenset({*FILE_KINDS, "actions", "retry"})
"""Names that mean workers of every domain where a domain's name means its own."""


def check_domains(
    found: Iterable[tuple[str, Any]], refusals: Refusals | None = None
) -> Mapping[str, Domain]:
    """Return the domains by name that workers can be made of.

    Args:
        found: Each with the plugin that registers it, those of the core first.
        refusals: Where the others are raised or collected; raised if not given.

    Raises:
        ClaimxError: One of them cannot be used, or two have something in common.
    """
    refusals = refusals or Refusals()
    domains: dict[str, Domain] = {}
    owners: dict[str, str] = {}
    for plugin, domain in found:
        with refusals.of(f"plugins.{plugin}"):
            _check(plugin, domain, domains, owners)
            domains[domain.name], owners[domain.name] = domain, plugin
    for name, problem in _shared(domains.values()):
        with refusals.of(f"plugins.{owners[name]}"):
            raise ClaimxError(problem)
    return domains


def _check(
    plugin: str, domain: Any, others: Mapping[str, Domain], owners: Mapping[str, str]
) -> None:
    if not isinstance(domain, Domain):
        raise ClaimxError(
            f"plugin {plugin!r} registers {domain!r:.60} as a domain; "
            "claimx_register_domains returns a list of objects of the class Domain"
        )
    if domain.name in others:
        raise ClaimxError(
            f"plugin {plugin!r} registers domain {domain.name!r}, which plugin "
            f"{owners[domain.name]!r} has registered already; rename one, or switch one of "
            "the plugins off"
        )
    if (problem := _problem(domain)) is not None:
        raise ClaimxError(f"plugin {plugin!r}: domain {domain.name!r} {problem}")


def _problem(domain: Domain) -> str | None:
    """Return what makes a domain useless, as the end of a sentence; None if nothing does."""
    return next(chain(_names(domain), _events(domain), _kinds(domain), _tables(domain)), None)


def _names(domain: Domain) -> Iterator[str]:
    key = domain.key_name
    if domain.name in _OF_WORKERS:
        yield f"has the name of workers that every domain has; do not call it {domain.name!r}"
    if not _PREFIX.fullmatch(domain.worker_prefix):
        yield (
            f"cannot have the worker_prefix {domain.worker_prefix!r}; use lower case letters, "
            "digits, '-' and '_'"
        )
    taken = _IN_MESSAGES | {kind.name for kind in domain.actions}
    if not key.isidentifier() or key in taken:
        yield (
            f"cannot have the key_name {key!r}: it must be a name, and not that of another field "
            f"of a message ({', '.join(sorted(taken))})"
        )
    if domain.files is not None and domain.files.key_name != key:
        yield (
            f"has the key_name {key!r} and its files have {domain.files.key_name!r}; "
            "give both the same"
        )
    if twice := _twice(kind.name for kind in domain.actions):
        yield f"has two kinds of action {twice!r}; rename one"


def _events(domain: Domain) -> Iterator[str]:
    event = domain.event
    if not (isinstance(event, type) and attrs.has(event)):
        yield f"has the event {event!r:.60}, which is not an attrs class"
        return
    fields = {each.name for each in attrs.fields(event)}
    if lacking := [name for name in _EVENT_FIELDS if name not in fields]:
        yield (
            f"has an event class without {', '.join(map(repr, lacking))}; every event has the "
            f"fields {', '.join(_EVENT_FIELDS)}"
        )
    if "key" not in fields and not hasattr(event, "key"):
        yield "has an event class without 'key'; add a property that returns it"
    if "created_at" in fields:
        yield (
            "has an event class with a field 'created_at', which is the task's own in messages; "
            "rename it"
        )
    try:
        # Made here, so that a class whose fields msgspec cannot read is reported now.
        _ = domain.messages
    except BaseException as error:  # noqa: BLE001 - whatever a stranger's class makes of it
        failed = as_failure(error, awaited=False)
        yield f"has events that cannot be read from messages: {described(failed)}"


def _kinds(domain: Domain) -> Iterator[str]:
    names = tuple(kind.name for kind in domain.kinds)
    rows: Any = domain.rows
    if not (isinstance(rows, type) and issubclass(rows, RowsByKind) and attrs.has(rows)):
        yield f"has rows {rows!r:.60}; make a subclass of RowsByKind by rows_of(kinds)"
        return
    if twice := _twice(names):
        yield f"has two kinds of entity {twice!r}; rename one"
    if twice := _twice([*names, *(kind.singular for kind in domain.kinds if kind.singular)]):
        yield f"calls two things {twice!r}: kinds and what one row of each is called differ"
    if domain.rows.kinds() != names:
        yield (
            f"has rows of the kinds {', '.join(domain.rows.kinds()) or '(none)'} and the kinds "
            f"{', '.join(names) or '(none)'}; make the class of rows by rows_of(kinds)"
        )


def _tables(domain: Domain) -> Iterator[str]:
    if twice := _twice(table.name for table in domain.all_tables()):
        yield f"has two tables {twice!r}; rename one"
    columns = {column.name for column in domain.event_log.columns}
    wanted = [domain.key_name, *(kind.count_column for kind in domain.kinds)]
    if lacking := [name for name in wanted if name not in columns]:
        yield (
            f"has an event log {domain.event_log.name!r} without the column {lacking[0]!r}; make "
            "it by event_log(…) with the key_name and the kinds of the domain"
        )


def _shared(domains: Iterable[Domain]) -> Iterator[tuple[str, str]]:
    """Yield what two domains have in common and must not, each with the later one's name."""
    owners: dict[tuple[str, str], str] = {}
    for domain in domains:
        own = [("table", table.name) for table in domain.all_tables()]
        own += [("kind of action", kind.name) for kind in domain.actions]
        for what, name in own:
            other = owners.setdefault((what, name), domain.name)
            if other != domain.name:
                said = f"domains {other!r} and {domain.name!r} both have a {what} {name!r}"
                yield domain.name, f"{said}; rename one"
        other = owners.setdefault(("prefix", domain.worker_prefix), domain.name)
        if other != domain.name:
            yield (
                domain.name,
                f"the workers of domains {other!r} and {domain.name!r} would have the same names; "
                f"give domain {domain.name!r} a worker_prefix of its own",
            )


def _twice(names: Iterable[str]) -> str | None:
    return next((name for name, times in Counter(names).items() if times > 1), None)
