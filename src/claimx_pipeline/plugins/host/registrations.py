"""What the core and the plugins register through hooks, collected; nothing twice."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.errors import ClaimxError, Problem, Refusals, SettingsError
from claimx_pipeline.plugins.host.answers import (
    called,
    named,
    owner,
    require_kind,
    section_of,
    several,
    shown,
)
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.settings import Settings

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.handlers import EventHandler
    from claimx_pipeline.telemetry.drift import AnswerDrift
    from claimx_pipeline.telemetry.metrics import Metrics
    from claimx_pipeline.topics import Topic


@define(slots=False)
class Registrations:
    """Calls the hooks whose names begin with ``claimx_register_`` or ``claimx_check_``."""

    _plugins: PluginSet
    _settings: Settings
    _clock: Clock
    refusals: Refusals = field(factory=Refusals)
    """Where what a plugin does wrong is raised or collected."""
    settings_known: bool = field(default=True, kw_only=True)
    """False if the settings were refused: who looks at them is not asked."""
    owners: dict[tuple[str, str], str] = field(factory=dict, init=False)
    """What is registered, such as ``table``, and its name to the plugin that registers it."""
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
        found: list[tuple[str, Any]] = []
        for implementation in sorted(
            implementations, key=lambda each: (each.plugin_name != CORE, each.plugin_name)
        ):
            plugin = implementation.plugin_name
            if "settings" in implementation.argnames and not self.settings_known:
                continue
            arguments = [given[name]() for name in implementation.argnames]
            with self.refusals.of(section_of(plugin)):
                answer = called(plugin, hook, implementation.function, *arguments)
                if answer is not None:
                    found.append((plugin, answer))
        return found

    def several(self, hook: str, what: str) -> list[tuple[str, Any]]:
        """Return every object that plugins answer to *hook*, each with the plugin's name.

        Raises:
            ClaimxError: A plugin raised, or returned something else.
        """
        return [each for answer in self.answers(hook) for each in self._each(hook, what, *answer)]

    def _each(self, hook: str, what: str, plugin: str, answer: Any) -> Iterator[tuple[str, Any]]:
        objects: list[Any] = []
        with self.refusals.of(section_of(plugin)):
            objects = several(hook, plugin, answer)
        for each in objects:
            with self.refusals.of(section_of(plugin)):
                require_kind(hook, plugin, each, what)
                yield plugin, each

    @cached_property
    def domains(self) -> Mapping[str, Domain]:
        """Every domain by name, those of the core first.

        Raises:
            ClaimxError: One cannot be used, or two have something in common.
        """
        from claimx_pipeline.plugins.host.domain_checks import check_domains  # noqa: PLC0415 - slow to import

        hook = "claimx_register_domains"
        offered: list[tuple[str, Any]] = []
        for plugin, domains in self.answers(hook):
            with self.refusals.of(section_of(plugin)):
                offered += [(plugin, each) for each in several(hook, plugin, domains)]
        for plugin, each in offered:
            self.owners.setdefault(("domain", getattr(each, "name", "")), plugin)
        checked = check_domains(offered, self.refusals)
        buckets = self._settings.tables.buckets
        spread = {
            name: each if each.buckets == buckets else evolve(each, buckets=buckets)
            for name, each in checked.items()
        }
        return self._extended(spread)

    def _extended(self, domains: Mapping[str, Domain]) -> Mapping[str, Domain]:
        """Return *domains* with what plugins add to them.

        Raises:
            SettingsError: Something cannot be added; every such plugin is named.
        """
        offered = self.several("claimx_extend_domains", "domain extension")
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
                    problems.setdefault(plugin, Problem(section_of(plugin), str(error)))
        with self.refusals.of():
            if problems:
                raise SettingsError(list(problems.values()))
        return domains

    def by_name(self, hook: str, what: str) -> dict[str, Any]:
        """Return every object registered through *hook* by its name.

        Raises:
            ClaimxError: Two plugins register an object of one name.
        """
        found: dict[str, Any] = {}
        for plugin, each in self.several(hook, what):
            self._add(found, plugin, each.name, each, what)
        return found

    def merged(self, hook: str, what: str) -> dict[str, Any]:
        """Return the mappings registered through *hook* as one.

        One object may be registered under its name by several plugins that need it.

        Raises:
            ClaimxError: Two plugins register different objects under one name.
        """
        found: dict[str, Any] = {}
        for plugin, answer in self.answers(hook):
            with self.refusals.of(section_of(plugin)):
                for name, each in named(hook, plugin, answer, what).items():
                    if found.get(name) is not each:
                        self._add(found, plugin, name, each, what)
        return found

    def _add(self, found: dict[str, Any], plugin: str, name: str, each: Any, what: str) -> None:
        by = self.owners.setdefault((what, name), plugin)
        with self.refusals.of(section_of(plugin)):
            if name in found:
                raise ClaimxError(
                    f"{owner(plugin)} registers {what} {name!r}, which {owner(by)} has registered "
                    "already; give one of them another name"
                )
            found[name] = each

    def handlers(self) -> dict[str, tuple[EventHandler[Any, Any], ...]]:
        """Return every handler, by the name of its domain.

        Raises:
            ClaimxError: Two handlers are for one event type of a domain, or there is no such
                domain.
        """
        from claimx_pipeline.plugins.host.handlers import (  # noqa: PLC0415 - slow to import
            HOOK,
            of_domains,
            of_plugins,
            without_conflicts,
        )

        offered = [
            *of_domains(self.domains, self.owners, self._clock, self.refusals, self._note_retyped),
            *of_plugins(self.answers(HOOK), self.domains, self.refusals),
        ]
        return without_conflicts(tuple(self.domains), offered, self.refusals)

    @cached_property
    def published(self) -> list[tuple[str, Topic]]:
        """The topics that loaded plugins publish to, each with the plugin's name.

        Raises:
            ClaimxError: A plugin cannot say which.
        """
        from claimx_pipeline.plugins.base import Plugin  # noqa: PLC0415 - slow to import

        found: list[tuple[str, Topic]] = []
        for name, plugin in self._plugins.loaded():
            if isinstance(plugin, Plugin):
                with self.refusals.of(section_of(name)):
                    answer = called(name, "topics()", plugin.topics)
                    found += self._each("topics()", "topic", name, answer)
        return found

    @cached_property
    def brought_connections(self) -> Mapping[str, ConnectionSettings]:
        """The connections that domains bring under these settings, by name.

        Raises:
            ClaimxError: A domain cannot say which, or two of them bring one name.
        """
        found: dict[str, ConnectionSettings] = {}
        owners: dict[str, str] = {}
        for domain in self.domains.values():
            by = self.owners["domain", domain.name]
            said = f"the connections of domain {domain.name!r}"
            with self.refusals.of(section_of(by)):
                brought = called(by, said, domain.connections, self._settings)
                for name, each in _connections(domain.name, brought):
                    other = owners.setdefault(name, domain.name)
                    with self.refusals.of(section_of(by)):
                        if other != domain.name:
                            raise ClaimxError(
                                f"domains {other!r} and {domain.name!r} both bring a connection "
                                f"{name!r}, so one would be asked for the other; rename one"
                            )
                        found[name] = each
        return found

    def connections(self, metrics: Metrics | None = None) -> Connections:
        """Return the named connections; those that domains bring may be set by the user.

        Args:
            metrics: What their requests are counted in; in nothing if not given.
        """
        named = ChainMap({**self._settings.connections}, {**self.brought_connections})
        if metrics is None:
            return Connections(named, self._clock)
        return Connections(named, self._clock, metrics=metrics.requests, drift=metrics.drift)

    def broker(self, where: str) -> Broker:
        """Return the broker that the settings name, at *where*; not connected.

        Raises:
            SettingsError: The URL is of no known kind.
            ClaimxError: The broker cannot be made.
        """
        factories = self.merged("claimx_register_brokers", "broker")
        url = self._settings.broker.url
        scheme, separator, _ = url.partition("://")
        if not separator or scheme not in factories:
            known = " or ".join(f"{name}://" for name in sorted(factories))
            what = f"broker.url is {url!r}, which is not a valid broker URL; start it with {known}"
            raise SettingsError([Problem(where, what)])
        by = self.owners["broker", scheme]
        broker: Broker = called(
            by, "claimx_register_brokers", factories[scheme], url, self._settings.broker
        )
        return broker


def _connections(domain: str, brought: Any) -> Iterator[tuple[str, ConnectionSettings]]:
    if not isinstance(brought, Mapping) or not all(
        isinstance(name, str) and isinstance(each, ConnectionSettings)
        for name, each in brought.items()
    ):
        raise ClaimxError(
            f"domain {domain!r} brings connections {shown(brought)}; return ConnectionSettings by "
            "name"
        )
    yield from brought.items()
