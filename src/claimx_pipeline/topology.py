"""The topics: what the core's are called, who writes and who reads them.

A worker names the topics that it reads and writes; all workers together make the
topology. Nothing else declares a topic.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from attrs import field, frozen

from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.errors import UsageError
from claimx_pipeline.runtime.ladder import retry_topics
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.tree import BrokerSettings
from claimx_pipeline.topics import DLQ_REPLAYED, Topic


@frozen
class Topology:
    """All topics of the workers that are known, and what each is called on the broker."""

    topics: Mapping[str, Topic]
    readers: Mapping[str, Sequence[str]]
    """Topic name to the workers that read it."""
    writers: Mapping[str, Sequence[str]]
    """Topic name to the workers and plugins that write it."""
    _broker: BrokerSettings = field(repr=False)

    @classmethod
    def of(
        cls,
        workers: Iterable[WorkerSpec],
        broker: BrokerSettings,
        published: Iterable[tuple[str, Topic]] = (),
        delays: Sequence[float] = (),
    ) -> Topology:
        """Return the union of what *workers* declare.

        Args:
            workers: All workers.
            broker: What the settings change of topics and groups.
            published: Topics that plugins publish to, each with the plugin's name. A
                worker that reads such a topic says how it is made.
            delays: Rungs of the retry ladder, seconds.

        Raises:
            UsageError: Two workers declare one topic differently.
        """
        topics: dict[str, Topic] = {}
        readers: defaultdict[str, list[str]] = defaultdict(list)
        writers: defaultdict[str, list[str]] = defaultdict(list)
        workers = list(workers)
        for worker in workers:
            written = [*worker.writes]
            if worker.family:
                written += retry_topics(worker.family, delays)
            if worker.dead_letters:
                written.append(worker.dead_letters)
            for declared, side in ((worker.reads, readers), (written, writers)):
                for topic in declared:
                    known = topics.setdefault(topic.name, topic)
                    if known != topic:
                        raise UsageError(
                            f"topic {topic.name!r} is declared in two ways, one of them by worker "
                            f"{worker.name!r}: {known} and {topic}"
                        )
                    side[topic.name].append(worker.name)
        if any(worker.dead_letters for worker in workers):
            topics.setdefault(DLQ_REPLAYED.name, DLQ_REPLAYED)
            writers[DLQ_REPLAYED.name].append("dlq replay")
        for plugin, topic in published:
            topics.setdefault(topic.name, topic)
            writers[topic.name].append(f"plugin {plugin}")
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

    def group(self, name: str) -> str:
        """Return what consumer group *name* is called on the broker."""
        return self._broker.groups.get(name, f"{self._broker.prefix}{name}")

    def new_topics(self) -> list[NewTopic]:
        """Return every topic as the broker is asked to create it, settings applied."""
        made = []
        for name, topic in sorted(self.topics.items()):
            given = self._broker.topics.get(name)
            partitions = (given and given.partitions) or topic.partitions
            retention = given.retention_hours if given else None
            largest = given.retention_bytes if given else None
            made.append(
                NewTopic(
                    self.physical(name),
                    partitions,
                    retention if retention is not None else topic.retention_hours,
                    (given and given.replication) or self._broker.replication,
                    largest if largest is not None else topic.retention_bytes,
                )
            )
        return made

    def without_reader(self) -> list[str]:
        """Return the topics that are written, are read by nobody and should be."""
        return sorted(
            name
            for name, topic in self.topics.items()
            if name not in self.readers and not topic.terminal
        )

    def without_writer(self) -> list[str]:
        """Return the topics that are read, are written by nobody and should be."""
        return sorted(
            name
            for name, topic in self.topics.items()
            if name not in self.writers and not topic.source
        )
