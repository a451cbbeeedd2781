"""The handlers of every domain: its own, those that plugins add, no two for one event type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.domain.handlers import EventHandler
from claimx_pipeline.errors import ClaimxError, Refusals
from claimx_pipeline.plugins.host.answers import (
    called,
    owner,
    require_handler,
    section_of,
    several,
)
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain

HOOK = "claimx_register_handlers"

Handlers = dict[str, tuple[EventHandler[Any, Any], ...]]


@frozen
class Offered:
    """A handler, and who offers it."""

    domain: str
    by: str
    """Who, as a sentence names it."""
    where: str
    """Who, as a problem is listed under."""
    handler: EventHandler[Any, Any]


def of_domains(
    domains: Mapping[str, Domain],
    owners: Mapping[tuple[str, str], str],
    clock: Clock,
    refusals: Refusals,
    retyped: Callable[[str, str], None] = lambda _, __: None,
) -> list[Offered]:
    """Return the handlers of the domains, those of extensions included.

    Args:
        domains: Every domain by name.
        owners: ``domain`` and its name to the plugin that registers it.
        clock: The pipeline's clock.
        refusals: Where what is wrong is raised or collected.
        retyped: Called with kind of entity and column of a value that cannot be read.

    Raises:
        ClaimxError: One cannot be made, or is not a handler.
    """
    found: list[Offered] = []
    for domain in domains.values():
        hook = f"the handlers of domain {domain.name!r}"
        makers: list[tuple[str, str, Callable[[Clock], Iterable[Any]]]]
        own = partial(domain.own_handlers, retyped=retyped)
        makers = [(owners["domain", domain.name], f"domain {domain.name!r}", own)]
        makers += [(by, owner(by), extension.handlers) for by, extension in domain.extensions]
        for plugin, by, make in makers:
            where, made = section_of(plugin), list[Any]()
            with refusals.of(where):
                made = several(hook, plugin, called(plugin, hook, make, clock))
            for handler in made:
                with refusals.of(where):
                    require_handler(hook, plugin, handler)
                    found.append(Offered(domain.name, by, where, handler))
    return found


def of_plugins(
    answers: Sequence[tuple[str, Any]], domains: Mapping[str, Domain], refusals: Refusals
) -> Iterator[Offered]:
    """Yield the handlers that plugins register.

    One is of the domain that its attribute ``domain`` names; without one it is of the first.

    Raises:
        ClaimxError: One is not a handler, or is for a domain that is not loaded.
    """
    for plugin, answer in answers:
        where, made = section_of(plugin), list[Any]()
        with refusals.of(where):
            made = several(HOOK, plugin, answer)
        for handler in made:
            with refusals.of(where):
                require_handler(HOOK, plugin, handler)
                domain = getattr(handler, "domain", BRAND)
                if domain not in domains:
                    raise ClaimxError(
                        f"plugin {plugin!r}: handler {handler.name!r} is for domain {domain!r}, "
                        f"which is not loaded; loaded are {', '.join(domains)}"
                    )
                yield Offered(domain, owner(plugin), where, handler)


def without_conflicts(
    domains: Sequence[str], offered: Sequence[Offered], refusals: Refusals
) -> Handlers:
    """Return the handlers of each domain.

    Args:
        domains: Names of all domains.
        offered: Every handler.
        refusals: Where a conflict is raised or collected.

    Raises:
        ClaimxError: Two handlers of a domain are for one event type, or have one name.
    """
    types: dict[tuple[str, str], Offered] = {}
    names: dict[tuple[str, str], Offered] = {}
    for each in offered:
        handler = each.handler
        for event_type in (*handler.event_types, *handler.event_prefixes):
            other = types.setdefault((each.domain, event_type), each)
            with refusals.of(each.where):
                if other.handler is not handler:
                    raise ClaimxError(
                        f"{each.by}: events {event_type} are handled by {other.handler.name!r} "
                        f"of {other.by} already"
                    )
        other = names.setdefault((each.domain, handler.name), each)
        with refusals.of(each.where):
            if other.handler is not handler:
                raise ClaimxError(
                    f"{each.by}: domain {each.domain!r} has a handler called {handler.name!r} of "
                    f"{other.by} already; give this one another name"
                )
    return {
        domain: tuple(each.handler for (of, _), each in names.items() if of == domain)
        for domain in domains
    }
