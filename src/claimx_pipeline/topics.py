"""What a topic is, those of a domain and the platform's own, and who writes and reads each.

A worker names the topics that it reads and writes; all workers together make the
topology. Nothing else declares a topic.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

from attrs import asdict, field, fields, frozen
from attrs.validators import ge, optional

from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.errors import Refusals, UsageError
from claimx_pipeline.settings.tree.broker import BrokerSettings

__all__ = ["DOWNLOADS_PENDING", "DOWNLOADS_RESULTS", "WEEK_HOURS", "Topic"]


@frozen
class Topic:
    """One topic, by its logical name; the settings may call it something else."""

    name: str
    """Logical name, without the prefix of the settings."""
    partitions: int = field(default=6, validator=ge(1))
    """How many it is created with."""
    retention_hours: float | None = None
    """None keeps records for ever."""
    retention_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """Of each partition; its oldest records are deleted when it holds more. None for no limit."""
    source: bool = False
    """Written from outside, so a missing writer is not a mistake."""
    terminal: bool = False
    """Read by people and tools, so a missing reader is not a mistake."""
    late: bool = False
    """Not there in installations of earlier versions: a worker that uses it makes it, if it is
    missing and the broker lets it."""
    declared: bool = field(default=True, kw_only=True, eq=False, repr=False)
    """False for one that is only named: how it is made, others say."""

    @classmethod
    def named(cls, name: str) -> Topic:
        """Return a topic that others declare, by its name; with the defaults if none does."""
        return cls(name, declared=False)


WEEK_HOURS = 7 * 24.0

BRAND = "claimx"
"""What the names of the platform's own topics begin with, and those of the first domain."""


@frozen
class DomainTopics:
    """The topics, consumer groups and retry families of one domain: they follow from its name."""

    domain: str
    """Name of the domain."""
    events_raw: Topic = field(init=False)
    """Raw events, written from outside."""
    events_dlq: Topic = field(init=False)
    """Dead letters of ``ingest`` and ``events``."""
    enrichment_pending: Topic = field(init=False)
    """Events that wait to be enriched."""
    enrichment_dlq: Topic = field(init=False)
    """Dead letters of ``enrichment``, and of plugins."""
    entities_rows: Topic = field(init=False)
    """Rows that wait to be written."""
    entities_dlq: Topic = field(init=False)
    """Dead letters of ``entities``."""
    downloads_pending: Topic = field(init=False)
    """Files that wait to be fetched."""
    downloads_cached: Topic = field(init=False)
    """Files that wait to be stored."""
    downloads_results: Topic = field(init=False)
    """What became of each file."""
    downloads_stored: Topic = field(init=False)
    """Which files are stored; ``download`` reads it whole, and of each the newest record counts."""
    downloads_dlq: Topic = field(init=False)
    """Dead letters of the workers of files."""

    def __attrs_post_init__(self) -> None:
        for each in fields(DomainTopics)[1:]:
            area, _, what = each.name.partition("_")
            name = f"{self.domain}.{area}.{what}"
            topic = Topic(name, retention_hours=WEEK_HOURS, source=what == "raw")
            if what == "dlq":
                topic = Topic(name, partitions=1, terminal=True)
            elif what == "stored":
                topic = Topic(name, retention_bytes=4 * 2**20, terminal=True, late=True)
            object.__setattr__(self, each.name, topic)

    def group(self, role: str) -> str:
        """Return the consumer group of the worker that is called *role* in groups."""
        return f"{self.domain}-{role}"

    def has(self, topic: str) -> bool:
        """Return whether the topic of this logical name is the domain's, a retry topic included."""
        areas = {each.name.partition("_")[0] for each in fields(DomainTopics)[1:]}
        return topic.startswith(tuple(f"{self.domain}.{area}." for area in areas))

    def family(self, area: str) -> str:
        """Return the family of retry topics of *area*, ``enrichment`` or ``downloads``."""
        return f"{self.domain}.{area}"


_FIRST = DomainTopics(BRAND)

DOWNLOADS_PENDING, DOWNLOADS_RESULTS = _FIRST.downloads_pending, _FIRST.downloads_results

ACTIONS_PENDING = Topic(f"{BRAND}.actions.pending", retention_hours=WEEK_HOURS)
ACTIONS_DLQ = Topic(f"{BRAND}.actions.dlq", partitions=1, terminal=True)

PLUGIN_FAMILY = f"{BRAND}.plugins"
"""Family of the retry topics of events and files that come back for one plugin alone."""

PLUGIN_CHANGES = Topic(f"{PLUGIN_FAMILY}.changes", retention_hours=WEEK_HOURS, late=True)
"""Changes of what plugins remember, keyed by plugin and key."""
PLUGIN_CHANGES_DLQ = Topic(f"{PLUGIN_FAMILY}.changes.dlq", partitions=1, terminal=True, late=True)
PLUGIN_STATES = Topic(f"{PLUGIN_FAMILY}.states", terminal=True, late=True)
"""What plugins remember; every plugin reads it whole, and a worker keeps it short."""

DLQ_REPLAYED = Topic(f"{BRAND}.dlq.replayed", partitions=1, terminal=True)
"""One mark per replayed dead letter, keyed by where the dead letter is."""

SOURCES_DLQ = Topic(f"{BRAND}.sources.dlq", partitions=1, terminal=True, late=True)

POSITIONS_BYTES = 16 * 1024 * 1024
"""Older positions of a source are of no use; the newest is always kept."""

MAINTENANCE_POSITION = Topic(
    f"{BRAND}.maintenance.position", partitions=1, retention_bytes=POSITIONS_BYTES, late=True
)
"""Which beginning of the worker ``maintenance`` was the last; its newest record counts."""


def positions_topic(source: str) -> Topic:
    """Return the topic that holds how far *source* was read; its newest record counts."""
    name = f"{BRAND}.sources.{source}.position"
    return Topic(name, partitions=1, retention_bytes=POSITIONS_BYTES)


@frozen
class TopicUse:
    """The topics of one worker."""

    worker: str
    """Name of the worker."""
    reads: tuple[Topic, ...]
    """The topics that it reads."""
    writes: tuple[Topic, ...]
    """Retries and dead letters included."""
    dead_letters: Topic | None = None
    """Where its dead records go."""
    owner: str = ""
    """The plugin that offers the worker; empty for one of the pipeline or of the settings."""

    @property
    def by(self) -> str:
        """Whose topics they are, as a sentence says it."""
        return f"worker {self.worker!r}" + (f" of plugin {self.owner!r}" if self.owner else "")

    def all(self) -> tuple[Topic, ...]:
        """Return every topic that it reads or writes."""
        return (*self.reads, *self.writes)


@frozen
class _Declared:
    """How a topic is made, and who says so."""

    topic: Topic
    by: str
    owner: str
    """Plugin; empty for the pipeline."""
    worker: bool = False
    """Whether a worker says so, not a plugin that publishes to it."""

    def beside(self, known: _Declared | None) -> _Declared:
        """Return which of the two says how the topic is made.

        Raises:
            UsageError: They contradict each other.
        """
        if known is None or (not known.topic.declared and self.topic.declared):
            return self
        alone = self.topic == Topic(self.topic.name)
        names_it = alone and (known.owner == "" or (known.worker and not self.worker))
        if known.topic == self.topic or not self.topic.declared or names_it:
            return known
        one, other = asdict(known.topic), asdict(self.topic)
        unlike = " and ".join(name for name in one if one[name] != other[name])
        raise UsageError(
            f"topic {self.topic.name!r} is declared in two ways, by {known.by} and by {self.by} "
            f"(other {unlike}); declare it alike, or name it in one by Topic.named"
        )


@frozen
class Topology:
    """All topics of the workers that are known, and what each is called on the broker."""

    topics: Mapping[str, Topic]
    """Every topic by its logical name."""
    readers: Mapping[str, Sequence[str]]
    """Topic name to the workers that read it."""
    writers: Mapping[str, Sequence[str]]
    """Topic name to the workers and plugins that write it."""
    _broker: BrokerSettings = field(repr=False)

    @classmethod
    def of(
        cls,
        uses: Iterable[TopicUse],
        broker: BrokerSettings,
        published: Iterable[tuple[str, Topic]] = (),
        refusals: Refusals | None = None,
    ) -> Topology:
        """Return the union of what workers and plugins declare.

        A topic of the pipeline's own is named by ``Topic(name)`` alone, and so is one that a
        plugin publishes to and a worker declares.

        Args:
            uses: The topics of every worker, those of the pipeline first.
            broker: What the settings change of topics and groups.
            published: Topics that plugins publish to, each with the plugin's name.
            refusals: Where a topic that is declared in two ways is raised or collected.

        Raises:
            UsageError: A topic is declared in two ways; both who do so are named.
        """
        refusals = refusals or Refusals()
        known: dict[str, _Declared] = {}
        readers: defaultdict[str, list[str]] = defaultdict(list)
        writers: defaultdict[str, list[str]] = defaultdict(list)
        uses = list(uses)
        for use in uses:
            for declared, side in ((use.reads, readers), (use.writes, writers)):
                for topic in declared:
                    each = _Declared(topic, use.by, use.owner, worker=True)
                    with refusals.of(f"plugins.{use.owner}" if use.owner else ""):
                        known[topic.name] = each.beside(known.get(topic.name))
                    side[topic.name].append(use.worker)
        if any(use.dead_letters for use in uses):
            known.setdefault(DLQ_REPLAYED.name, _Declared(DLQ_REPLAYED, "the pipeline", ""))
            writers[DLQ_REPLAYED.name].append("dlq replay")
        for plugin, topic in published:
            each = _Declared(topic, f"plugin {plugin!r}", plugin)
            with refusals.of(f"plugins.{plugin}"):
                known[topic.name] = each.beside(known.get(topic.name))
            writers[topic.name].append(f"plugin {plugin}")
        topics = {name: each.topic for name, each in known.items()}
        return cls(topics, dict(readers), dict(writers), broker)

    def physical(self, name: str) -> str:
        """Return what topic *name* is called on the broker."""
        given = self._broker.topics.get(name)
        return (given and given.name) or f"{self._broker.prefix}{name}"

    def logical(self, name: str) -> str:
        """Return the logical name of the topic that the broker calls *name*."""
        for logical in self.topics:
            if self.physical(logical) == name:
                return logical
        return name

    def undeclared(self, existing: Iterable[str], pattern: re.Pattern[str]) -> list[str]:
        """Return those of *existing* topics that match and are not declared any more.

        Args:
            existing: Topics as the broker calls them; so are those returned.
            pattern: What the logical name is like: the one that the settings rename, or the name
                without the prefix.
        """
        renamed = {given.name: name for name, given in self._broker.topics.items() if given.name}
        declared = {self.physical(name) for name in self.topics}
        prefix = self._broker.prefix
        found = []
        for name in sorted(set(existing) - declared):
            logical = renamed.get(name) or (name.startswith(prefix) and name[len(prefix) :])
            if logical and pattern.fullmatch(logical):
                found.append(name)
        return found

    def renamed(self, existing: Collection[str]) -> dict[str, str]:
        """Return the topics that would be read if the settings did not rename them.

        Args:
            existing: Topics as the broker calls them.

        Returns:
            What each is called on the broker to its logical name.
        """
        declared = {self.physical(name) for name in self.topics}
        found = {f"{self._broker.prefix}{name}": name for name in self.topics}
        return {topic: found[topic] for topic in sorted((found.keys() - declared) & {*existing})}

    def on_broker(self, name: str) -> str:
        """Return what the broker calls a topic that a person named, in one way or the other."""
        return name if self.logical(name) != name else self.physical(name)

    def group(self, name: str) -> str:
        """Return what consumer group *name* is called on the broker."""
        return self._broker.groups.get(name, f"{self._broker.prefix}{name}")

    def new_topics(self) -> list[NewTopic]:
        """Return every topic as the broker is asked to create it, settings applied."""
        made: dict[str, NewTopic] = {}
        for name, topic in sorted(self.topics.items()):
            if (physical := self.physical(name)) in made:
                continue  # topics of dead letters may share one
            given = self._broker.topics.get(name)
            partitions = (given and given.partitions) or topic.partitions
            retention = given.retention_hours if given else None
            largest = given.retention_bytes if given else None
            made[physical] = NewTopic(
                physical,
                partitions,
                retention if retention is not None else topic.retention_hours,
                (given and given.replication) or self._broker.replication,
                largest if largest is not None else topic.retention_bytes,
            )
        return [*made.values()]

    def without_reader(self) -> list[str]:
        """Return the topics that are written and have no reader, but should."""
        topics = self.topics.items()
        return sorted(name for name, it in topics if name not in self.readers and not it.terminal)

    def without_writer(self) -> list[str]:
        """Return the topics that are read and have no writer, but should."""
        topics = self.topics.items()
        return sorted(name for name, it in topics if name not in self.writers and not it.source)

    def every_name_of(self, uses: Iterable[TopicUse]) -> frozenset[str]:
        """Return the names of the topics in *uses*, and every other name that leads to them.

        The topic of replay marks, which belongs to no worker, is among them.
        """
        names = {DLQ_REPLAYED.name}
        for use in uses:
            names |= {topic.name for topic in (*use.reads, *use.writes)}
        physical = {self.physical(name) for name in names}
        renamed = {name for name in self._broker.topics if self.physical(name) in physical}
        return frozenset(names | physical | renamed)
