"""What the core and the plugins register through hooks, collected; nothing twice."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from attrs import define, field

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.errors import ClaimxError, HookFailedError, Problem, SettingsError
from claimx_pipeline.isolation import as_failure, described
from claimx_pipeline.plugins.host.loading import CORE, PluginSet
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.handlers import EventHandler
    from claimx_pipeline.monitoring.model import Alert, Dashboard
    from claimx_pipeline.telemetry.drift import AnswerDrift
    from claimx_pipeline.telemetry.former import FormerMetric
    from claimx_pipeline.telemetry.metrics import Metrics


@define
class Registrations:
    """Calls the hooks whose names begin with ``claimx_register_`` or ``claimx_check_``."""

    _plugins: PluginSet
    _settings: Settings
    _clock: Clock
    retyped: Callable[[str, str], None] = field(default=lambda _, __: None, init=False)
    """Called with kind of entity and column of a value that cannot be read."""

    def show_drift(self, drift: AnswerDrift) -> None:
        """Count values of answers that cannot be read; a field that a plugin reads is known."""
        self.retyped = drift.retyped
        for domain in self.domains.values():
            for kind in domain.kinds:
                for fields in kind.added_fields().values():
                    for each in fields:
                        drift.also_known.update(name for path in each.paths for name in path)

    def _note_retyped(self, kind: str, column: str) -> None:
        self.retyped(kind, column)

    def answers(self, hook: str) -> list[tuple[str, Any]]:
        """Return what each plugin answers to *hook*, the core first, then by plugin name.

        Raises:
            ClaimxError: One raised; as it is if it is a ``ClaimxError``.
        """
        implementations = getattr(self._plugins.manager.hook, hook).get_hookimpls()
        given: Mapping[str, Callable[[], Any]] = {
            "settings": lambda: self._settings,
            "clock": lambda: self._clock,
            # Not looked up for the hook that registers them.
            "domains": lambda: tuple(self.domains.values()),
        }
        answers = []
        for implementation in sorted(
            implementations, key=lambda each: (each.plugin_name != CORE, each.plugin_name)
        ):
            arguments = [given[name]() for name in implementation.argnames]
            try:
                answer = implementation.function(*arguments)
            except BaseException as error:
                raise _failed(implementation.plugin_name, hook, error) from error
            if answer is not None:
                answers.append((implementation.plugin_name, answer))
        return answers

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """Every domain by name, those of the core first.

        Raises:
            ClaimxError: One cannot be used, or two have something in common.
        """
        from claimx_pipeline.plugins.host.domain_checks import check_domains  # noqa: PLC0415 - slow to import

        found = check_domains(
            (plugin, each)
            for plugin, domains in self.answers("claimx_register_domains")
            for each in _several("claimx_register_domains", plugin, domains)
        )
        return self._extended(found)

    def _extended(self, domains: Mapping[str, Domain]) -> Mapping[str, Domain]:
        """Return *domains* with what plugins add to them.

        Raises:
            SettingsError: Something cannot be added; every such plugin is named.
        """
        offered = [
            (plugin, extension)
            for plugin, extensions in self.answers("claimx_extend_domains")
            for extension in _several("claimx_extend_domains", plugin, extensions)
        ]
        if not offered:
            return domains
        from claimx_pipeline.domain.extension import with_columns, with_kinds  # noqa: PLC0415 - if used
        from claimx_pipeline.hooks.context import EnrichmentContext  # noqa: PLC0415 - if used

        steps = (partial(with_kinds, reserved=frozenset(dir(EnrichmentContext))), with_columns)
        problems: dict[str, Problem] = {}
        # All kinds first: a plugin may add columns to another's.
        for step in steps:
            for plugin, extension in offered:
                name = extension.domain
                try:
                    if name not in domains:
                        raise ValueError(  # noqa: TRY301 - reported as the others are
                            f"it extends domain {name!r}, which is not loaded; loaded are "
                            f"{', '.join(domains)}"
                        )
                    if plugin not in problems:
                        domains = {**domains, name: step(domains[name], plugin, extension)}
                except ValueError as error:
                    problems.setdefault(plugin, Problem(f"plugins.{plugin}", str(error)))
        if problems:
            raise SettingsError(list(problems.values()))
        return domains

    def by_name(self, hook: str, what: str) -> dict[str, Any]:
        """Return every object registered through *hook* by its name.

        Raises:
            ClaimxError: Two plugins register an object of one name.
        """
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for plugin, objects in self.answers(hook):
            for each in _several(hook, plugin, objects):
                name = getattr(each, "name", None)
                if not isinstance(name, str):
                    raise HookFailedError(
                        plugin, hook, f"it returned {each!r:.60}, which is not a {what}"
                    )
                if name in found:
                    raise ClaimxError(
                        f"plugin {plugin!r} registers {what} {name!r}, which plugin "
                        f"{owners[name]!r} has registered already"
                    )
                found[name], owners[name] = each, plugin
        return found

    def merged(self, hook: str, what: str) -> dict[str, Any]:
        """Return the mappings registered through *hook* as one.

        One object may be registered under its name by several plugins that need it.

        Raises:
            ClaimxError: Two plugins register different objects under one name.
        """
        found: dict[str, Any] = {}
        for plugin, answer in self.answers(hook):
            mapping: Mapping[str, Any] = answer
            for name, each in mapping.items():
                if found.setdefault(name, each) is not each:
                    raise ClaimxError(f"plugin {plugin!r} registers {what} {name!r} a second time")
        return found

    def handlers(self) -> dict[str, tuple[EventHandler[Any, Any], ...]]:
        """Return every handler, by the name of its domain.

        A handler that a plugin registers is of the domain that its attribute ``domain`` names;
        without one it is of the first domain.

        Raises:
            ClaimxError: Two handlers are for one event type of a domain, or there is no such
                domain.
        """
        offered = [
            (domain.name, f"domain {domain.name!r}", handler)
            for domain in self.domains.values()
            for handler in domain.own_handlers(self._clock, self._note_retyped)
        ]
        offered += [
            (domain.name, f"plugin {plugin!r}", handler)
            for domain in self.domains.values()
            for plugin, extension in domain.extensions
            for handler in extension.handlers(self._clock)
        ]
        for plugin, handlers in self.answers("claimx_register_handlers"):
            for handler in _several("claimx_register_handlers", plugin, handlers):
                domain = getattr(handler, "domain", BRAND)
                if domain not in self.domains:
                    raise ClaimxError(
                        f"plugin {plugin!r}: handler {handler.name!r} is for domain {domain!r}, "
                        f"which is not loaded; loaded are {', '.join(self.domains)}"
                    )
                offered.append((domain, f"plugin {plugin!r}", handler))
        return _without_conflicts(tuple(self.domains), offered)

    def connections(self, metrics: Metrics | None = None) -> Connections:
        """Return the named connections; those that domains bring may be set by the user.

        Args:
            metrics: What their requests are counted in; in nothing if not given.
        """
        brought = [domain.connections(self._settings) for domain in self.domains.values()]
        named = ChainMap({**self._settings.connections}, *map(dict, brought))
        if metrics is None:
            return Connections(named, self._clock)
        return Connections(named, self._clock, metrics=metrics.requests, drift=metrics.drift)

    def monitoring(self) -> list[Dashboard | Alert | FormerMetric]:
        """Return the dashboards, alerts and former names of metrics that plugins add.

        Raises:
            ClaimxError: A plugin raised, or two of them use one name.
        """
        hook, owners = "claimx_register_monitoring", dict[str, str]()
        found: list[Dashboard | Alert | FormerMetric] = []
        for plugin, answer in self.answers(hook):
            for part in _several(hook, plugin, answer):
                name = str(getattr(part, "uid", None) or getattr(part, "name", part))
                owner = owners.setdefault(name, plugin)
                if owner != plugin:
                    raise ClaimxError(
                        f"plugins {owner!r} and {plugin!r} both bring {name!r} for monitoring; "
                        "disable one of them"
                    )
                found.append(part)
        return found

    def broker(self, where: str) -> Broker:
        """Return the broker that the settings name, at *where*; not connected.

        Raises:
            SettingsError: The URL is of no known kind.
        """
        factories = self.merged("claimx_register_brokers", "broker")
        url = self._settings.broker.url
        scheme, separator, _ = url.partition("://")
        if not separator or scheme not in factories:
            known = " or ".join(f"{name}://" for name in sorted(factories))
            what = f"broker.url is {url!r}, which is not a valid broker URL; start it with {known}"
            raise SettingsError([Problem(where, what)])
        broker: Broker = factories[scheme](url, self._settings.broker)
        return broker


def _failed(plugin: str, hook: str, error: BaseException) -> HookFailedError:
    """Return the error that says what *plugin* raised in *hook*.

    Raises:
        BaseException: It is *error* itself: it says all that there is to say, or a signal ends
            the process.
    """
    failed = as_failure(error, awaited=False)
    if isinstance(failed, ClaimxError):
        raise failed
    return HookFailedError(plugin, hook, described(failed))


def _several(hook: str, plugin: str, answer: Any) -> Iterable[Any]:
    """Return the objects that a plugin answered.

    Raises:
        HookFailedError: It cannot be iterated over, or doing so raised.
    """
    if isinstance(answer, str) or not isinstance(answer, Iterable):
        raise HookFailedError(plugin, hook, f"it returned {answer!r:.60}, not a list")
    try:
        return list(answer)
    except BaseException as error:
        raise _failed(plugin, hook, error) from error


def _without_conflicts(
    domains: Sequence[str], offered: Sequence[tuple[str, str, EventHandler[Any, Any]]]
) -> dict[str, tuple[EventHandler[Any, Any], ...]]:
    """Return the handlers of each domain.

    Args:
        domains: Names of all domains.
        offered: Each handler with its domain and who offers it.

    Raises:
        ClaimxError: Two handlers of a domain are for one event type, or have one name.
    """
    owners: dict[tuple[str, str], tuple[str, EventHandler[Any, Any]]] = {}
    named: dict[tuple[str, str], tuple[str, EventHandler[Any, Any]]] = {}
    for domain, owner, handler in offered:
        for event_type in (*handler.event_types, *handler.event_prefixes):
            by, other = owners.setdefault((domain, event_type), (owner, handler))
            if other is not handler:
                raise ClaimxError(
                    f"{owner}: events {event_type} are handled by {other.name!r} of {by} already"
                )
        by, other = named.setdefault((domain, handler.name), (owner, handler))
        if other is not handler:
            raise ClaimxError(
                f"{owner}: domain {domain!r} has a handler called {handler.name!r} of {by} "
                "already; give this one another name"
            )
    return {
        domain: tuple(handler for (of, _), (_, handler) in named.items() if of == domain)
        for domain in domains
    }
