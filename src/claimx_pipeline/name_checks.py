"""Names that settings and plugins give: none means two things, none is a misspelling.

A topic or group of the broker belongs to one logical name, and a key of the settings that is a
name (a plugin, worker, topic, group, family, table or connection) is one that exists.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from claimx_pipeline.errors import Problem
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.loading.paths import format_path
from claimx_pipeline.settings.nearest import nearest
from claimx_pipeline.topics import DLQ_REPLAYED, Topic, Topology

if TYPE_CHECKING:
    from claimx_pipeline.delta.spec import TableSpec

LEGAL_TOPIC = re.compile(r"[A-Za-z0-9._-]{1,249}")
"""What Kafka takes for the name of a topic."""


@frozen
class Findings:
    """What the names in the settings are found to be."""

    problems: list[Problem] = field(factory=list)
    warnings: list[Problem] = field(factory=list)


@frozen(kw_only=True)
class NameChecks:
    """Looks at the names of one pipeline."""

    loaded: LoadedSettings
    workers: Mapping[str, WorkerSpec]
    declared: Mapping[str, WorkerSpec]
    """The workers of the core and of plugins, as they are without settings."""
    tables: Mapping[str, TableSpec]
    topology: Topology
    plugins: frozenset[str]
    """Every plugin that was found, loaded or not."""
    published: Sequence[tuple[str, Topic]]
    """Topics that loaded plugins publish to, each with the plugin's name."""
    core_topics: frozenset[str]
    """The pipeline's own topics, by every name that leads there."""
    brought: frozenset[str]
    """Connections that domains bring, by name."""
    owner_of: Callable[[str], str]
    """Returns the plugin that offers a worker; empty for the pipeline's own."""
    complete: bool = True
    """Whether every plugin is there: a name that is unknown may be that of a missing one."""

    def found(self) -> Findings:
        """Return everything that is wrong or doubtful."""
        problems = (
            *(self._published(), self._groups(), self._idle(), self._topics()),
            self._never_too_old(),
        )
        found = Findings([each for some in problems for each in some], [*self._read_dead_letters()])
        if self.complete:
            self._misspelt(found)
        return found

    def _published(self) -> Iterator[Problem]:
        """Yield a problem for each topic of the pipeline that a plugin publishes to."""
        for plugin, topic in self.published:
            if topic.name in self.core_topics:
                yield Problem(
                    f"plugins.{plugin}",
                    f"publishes to topic {topic.name!r}, which belongs to the pipeline; "
                    "give it a topic of its own",
                )
        for worker, given in self.loaded.settings.workers.items():
            for key, name in (
                ("success_topic", given.success_topic),
                ("error_topic", given.error_topic),
            ):
                if name is None or name not in self.core_topics:
                    continue
                known = self.topology.topics.get(name)
                if key == "error_topic" and known is not None and known.terminal:
                    continue  # dead letters of several workers may share a topic
                yield Problem(
                    self._where(format_path(("workers", worker, key))),
                    f"{name!r} belongs to the pipeline, which cannot read what {worker!r} "
                    "writes; name a topic of its own",
                )

    def _groups(self) -> Iterator[Problem]:
        """Yield a problem for each consumer group that two workers are in."""
        members: defaultdict[str, list[str]] = defaultdict(list)
        for name, worker in self.workers.items():
            members[self.topology.group(worker.group)].append(name)
        for group, names in sorted(members.items()):
            if len(names) > 1:
                yield Problem(
                    self._where_of_group(names),
                    f"workers {_listed(names)} are in one consumer group, {group!r}, so each would "
                    "take records from the others; give every worker a group of its own, by "
                    "workers.<name>.consumer_group or broker.groups",
                )

    def _idle(self) -> Iterator[Problem]:
        """Yield a problem for each worker that has nothing to read."""
        for name, worker in self.workers.items():
            if not worker.reads and worker.intake is None:
                owner = self.owner_of(name)
                by = f" of plugin {owner!r}" if owner else ""
                yield Problem(
                    f"plugins.{owner}" if owner else f"workers.{name}",
                    f"worker {name!r}{by} reads no topic, so it would do nothing; name its topics "
                    "in 'reads', or register a source",
                )

    def _topics(self) -> Iterator[Problem]:
        """Yield a problem for each name on the broker that is illegal or has two meanings."""
        logical: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(self.topology.topics):
            logical[self.topology.physical(name)].append(name)
        for physical, names in sorted(logical.items()):
            if not LEGAL_TOPIC.fullmatch(physical) or physical in (".", ".."):
                yield Problem(
                    self._where_of_topic(names),
                    f"topic {physical!r} is not a valid name; use up to 249 of the letters A to Z, "
                    "digits, '.', '_' and '-'",
                )
            if len(names) > 1 and not all(self.topology.topics[name].terminal for name in names):
                yield Problem(
                    self._where_of_topic(names),
                    f"topics {_listed(names)} have one name on the broker, {physical!r}, so their "
                    "records would be mixed; give each a name of its own",
                )
        yield from self._named_as_on_the_broker()

    def _named_as_on_the_broker(self) -> Iterator[Problem]:
        """Yield a problem for each topic that settings call as the broker does.

        The prefix would be put in front of it twice, or a renamed topic not be renamed.
        """
        declared = {
            *(topic.name for worker in self.declared.values() for topic in worker.topics().all()),
            *(topic.name for _, topic in self.published),
        }
        for path, name in self._topics_in_settings():
            others = [each for each in self.topology.topics if each != name]
            meant = next((each for each in others if self.topology.physical(each) == name), None)
            if meant is not None and name not in declared:
                yield Problem(
                    self._where(path),
                    f"{name!r} is what topic {meant!r} is called on the broker; settings name "
                    f"topics without the prefix and before they are renamed, so write {meant!r}",
                )

    def _topics_in_settings(self) -> Iterator[tuple[str, str]]:
        for name in self.loaded.settings.broker.topics:
            yield format_path(("broker", "topics", name)), name
        for worker, given in self.loaded.settings.workers.items():
            for key in ("input_topic", "success_topic", "error_topic"):
                topic = getattr(given, key)
                if isinstance(topic, str):
                    yield format_path(("workers", worker, key)), topic

    def _read_dead_letters(self) -> Iterator[Problem]:
        """Yield a warning for each read topic of dead letters that a setting leaves empty."""
        for name, given in self.loaded.settings.workers.items():
            own = self.declared[name].dead_letters if name in self.declared else None
            if own is None or given.error_topic in (None, own.name):
                continue
            if readers := self.topology.readers.get(own.name):
                yield Problem(
                    self._where(format_path(("workers", name, "error_topic"))),
                    f"worker {readers[0]!r} reads the dead letters of {name!r} from {own.name!r} "
                    "and will not see these; remove error_topic, or rename the topic in "
                    "broker.topics",
                )

    def _misspelt(self, found: Findings) -> None:
        """Add what looks like a name and is the name of nothing."""
        settings = self.loaded.settings
        topics = {*self.topology.topics, DLQ_REPLAYED.name}
        topics |= {self.topology.physical(name) for name in topics}  # reported by _topics
        groups = {worker.group for worker in self.workers.values()}
        families = {worker.family for worker in self.workers.values() if worker.family}
        kept = settings.maintenance.retention_days
        for section, given, known, what in (
            (("broker", "topics"), settings.broker.topics, topics, "topic"),
            (("broker", "groups"), settings.broker.groups, groups, "consumer group"),
            (("retry", "families"), settings.retry.families, families, "family of retry topics"),
            (("tables", "paths"), settings.tables.paths, {*self.tables}, "table"),
            (("maintenance", "retention_days"), kept, {*self.tables}, "table"),
        ):
            for name in given:
                if name not in known:
                    self._judge(found, (*section, name), f"there is no {what} {name!r}", known)
        for name, plugin in settings.plugins.named.items():
            # One that may be missing may also have settings while it is.
            if name not in self.plugins and plugin.required is not False:
                said = f"no plugin {name!r} is installed or in plugins.dir"
                self._judge(found, ("plugins", name), said, self.plugins)
        used = {
            need.removeprefix("connections.")
            for worker in self.workers.values()
            for need in worker.needs
            if need.startswith("connections.")
        }
        written = {name for name in settings.connections if self._is_written(name)}
        for name in sorted(written - used - self.brought):
            # One near to another that the settings have as well is its sister.
            said = f"no worker and no stage uses connection {name!r}"
            self._judge(found, ("connections", name), said, used - written)

    def _never_too_old(self) -> Iterator[Problem]:
        """Yield a problem for each table that is to delete rows and cannot tell their age."""
        for name in self.loaded.settings.maintenance.retention_days:
            spec = self.tables.get(name)
            if spec is not None and (why := spec.why_kept()):
                where = self._where(format_path(("maintenance", "retention_days", name)))
                yield Problem(where, f"table {name!r}: {why}")

    def _judge(
        self, found: Findings, path: tuple[str, ...], said: str, known: Iterable[str]
    ) -> None:
        where = self._where(format_path(path))
        if (near := nearest(path[-1], known)) is not None:
            found.problems.append(Problem(where, f"{said}; did you mean {near!r}?"))
        else:
            found.warnings.append(
                Problem(where, f"{said}, so this has no effect unless a plugin uses it")
            )

    def _is_written(self, connection: str) -> bool:
        """Return whether the user's settings, not a plugin's defaults, have *connection*."""
        path = format_path(("connections", connection))
        origins = [
            origin for at, origin in self.loaded.origins.items() if at.startswith(f"{path}.")
        ]
        return any(origin != "default" and not origin.startswith("plugin ") for origin in origins)

    def _where_of_group(self, names: Iterable[str]) -> str:
        given = self.loaded.settings
        for name in names:
            path = format_path(("workers", name, "consumer_group"))
            if name in given.workers and given.workers[name].consumer_group is not None:
                return self._where(path)
            path = format_path(("broker", "groups", self.workers[name].group))
            if self.workers[name].group in given.broker.groups:
                return self._where(path)
        owners = filter(None, map(self.owner_of, names))
        return next((f"plugins.{owner}" for owner in owners), "")

    def _where_of_topic(self, names: Iterable[str]) -> str:
        topics = self.loaded.settings.broker.topics
        for name in names:
            if name in topics:
                return self._where(format_path(("broker", "topics", name)))
        written = {topic: path for path, topic in self._topics_in_settings()}
        for name in names:
            if name in written:
                return self._where(written[name])
        users = {
            name: [*self.topology.readers.get(name, ()), *self.topology.writers.get(name, ())]
            for name in names
        }
        by = {each for used in users.values() for each in used}
        plugins = {each.removeprefix("plugin ") for each in by if each.startswith("plugin ")}
        owners = sorted({*plugins, *filter(None, map(self.owner_of, by))})
        return f"plugins.{owners[0]}" if owners else ""

    def _where(self, path: str) -> str:
        """Return *path* after the file and line that its first setting is from."""
        for at, origin in self.loaded.origins.items():
            if (at == path or at.startswith((f"{path}.", f"{path}["))) and origin != "default":
                return f"{origin}: {path}"
        return path


def _listed(names: Iterable[str]) -> str:
    *others, last = [repr(name) for name in names]
    return f"{', '.join(others)} and {last}"
