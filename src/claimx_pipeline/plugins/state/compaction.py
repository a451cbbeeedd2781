"""Keeps the topic of states short: what is current is published again, what lies before it goes.

Not left to the broker: it would keep the last record of a key, and that may be one that an owner
published late. Readers go by how many changes a value is made of, so a record that is published
again never wins over a newer one.
"""

from __future__ import annotations

import logging
from datetime import timedelta

from attrs import define

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.clock import Clock, published_at
from claimx_pipeline.plugins.state.entries import Entry, StateKey, record_of
from claimx_pipeline.plugins.state.view import StateView
from claimx_pipeline.stages.topic_log import TopicLog
from claimx_pipeline.topics import WEEK_HOURS

log = logging.getLogger(__name__)

SPARE_RECORDS = 10_000
"""Records of a partition that may be out of date besides as many as there are values."""

FORGOTTEN = timedelta(hours=WEEK_HOURS)
"""How long it is known that a key was forgotten: as long as changes of it may come again."""

_AT_ONCE = 500


@define(eq=False)
class Compaction:
    """Shortens the topic of states."""

    topic: str
    """As the broker calls it."""
    states: TopicLog
    view: StateView
    admin: Admin
    clock: Clock

    async def run(self) -> None:
        """Shorten each partition that has grown too long. The view is to be up to date.

        Raises:
            BrokerError: The broker does not answer; nothing is lost.
        """
        begins = await self.admin.begin_offsets(self.topic)
        for partition, end in (await self.admin.end_offsets(self.topic)).items():
            current = self._entries(partition, end)
            length = end - begins.get(partition, 0)
            if length <= 2 * len(current) + SPARE_RECORDS:
                continue
            kept = {key: entry for key, entry in current.items() if not self._is_old(key, entry)}
            records = [record_of(key, entry) for key, entry in kept.items()]
            for first in range(0, len(records), _AT_ONCE):
                await self.states.append(records[first : first + _AT_ONCE])
            await self.admin.delete_records(self.topic, {partition: end})
            log.info("%s[%d]: %d records became %d", self.topic, partition, length, len(records))

    def _entries(self, partition: int, end: int) -> dict[StateKey, Entry]:
        """Return the entries whose newest record lies in *partition* before *end*."""
        return {
            (plugin, key): located.entry
            for plugin, entries in self.view.plugins.items()
            for key, located in entries.items()
            if located.partition == partition and located.offset < end
        }

    def _is_old(self, key: StateKey, entry: Entry) -> bool:
        """Return whether it need not be known any more that *key* was forgotten; drop it then."""
        if entry.value is not None:
            return False
        at = published_at(entry.order[0])
        if at is None or at > self.clock.now() - FORGOTTEN:
            return False
        self.view.drop(key)
        return True
