"""The retry ladder: topics of growing delay through which a failing record returns.

Nothing waits in memory: a record that is to be tried again is published to the topic of
its delay, and the ``retry`` worker publishes it back when it is due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.runtime import headers
from claimx_pipeline.settings.tree.retry import RetrySettings
from claimx_pipeline.topics import PLUGIN_FAMILY, Topic

RETRY_PARTITIONS = 3

RETRY_GROUP = "claimx-retry-scheduler"
"""Consumer group of the worker that brings records back."""


def label(seconds: float) -> str:
    """Return a delay as written in a topic's name: ``5m``, ``90s``, ``250ms``."""
    if seconds >= 60 and seconds % 60 == 0:  # noqa: PLR2004 - a minute
        return f"{int(seconds // 60)}m"
    if seconds >= 1 and seconds == int(seconds):
        return f"{int(seconds)}s"
    return f"{int(seconds * 1000)}ms"


@frozen
class RetryLadder:
    """The rungs of one family."""

    family: str
    """Prefix of its topics."""
    delays: tuple[float, ...]
    """Seconds, growing. A record is tried once more than there are delays."""
    late: bool = False
    """Whether its topics are made by the workers that use them; see ``Topic.late``."""

    def topics(self) -> tuple[Topic, ...]:
        """Return the topics of the family, one per delay, shortest first."""
        return tuple(
            Topic(f"{self.family}.retry.{label(delay)}", RETRY_PARTITIONS, late=self.late)
            for delay in self.delays
        )

    def rung(self, attempts: int, retry_after: float | None = None) -> int | None:
        """Return which delay comes after *attempts* tries; None if there is none left.

        A longer *retry_after* takes the next delay that covers it, or the longest.
        """
        if attempts > len(self.delays):
            return None
        rung = attempts - 1
        while retry_after and self.delays[rung] < retry_after and rung + 1 < len(self.delays):
            rung += 1
        return rung

    def deferred(self, record: OutRecord, until: datetime, now: datetime) -> OutRecord:
        """Return *record* as it waits *until* a time: one of the delays, or the first of several.

        The shortest delay that is long enough, else the longest: the record is then deferred
        again when it is due, by whom brings it back.

        Args:
            record: What is to be published then; its topic by its logical name.
            until: When.
            now: When the wait begins.
        """
        left = (until - now).total_seconds()
        enough = [number for number, delay in enumerate(self.delays) if delay >= left]
        rung = min(enough, key=self.delays.__getitem__) if enough else len(self.delays) - 1
        due = now + timedelta(seconds=self.delays[rung])
        travelling = {
            headers.DUE: str(int(due.timestamp() * 1000)),
            headers.AFTER: str(int(until.timestamp() * 1000)),
            headers.RETURN_TO: record.topic,
        }
        own = tuple(each for each in record.headers if each[0] not in travelling)
        topic = self.topics()[rung].name
        return OutRecord(topic, record.value, record.key, (*own, *headers.encoded(travelling)))

    def waiting(  # noqa: PLR0913 - what a returning record carries
        self,
        record: Record,
        rung: int,
        *,
        group: str,
        return_to: str,
        now: datetime,
        counted: bool = True,
        plugin: str = "",
    ) -> OutRecord:
        """Return *record* as it waits on *rung*.

        Args:
            record: It failed.
            rung: Which delay it waits for.
            group: The consumer group that is to try it again; every other leaves it alone.
            return_to: Logical name of the topic that it goes back to.
            now: When it failed.
            counted: Whether this was one of its tries.
            plugin: The only plugin that it comes back for; empty for the one that it is for
                already, or for all that is to be done.
        """
        known = headers.header(record.headers, headers.PLUGIN)
        is_new = bool(plugin) and plugin != known  # so far nothing was tried for this plugin alone
        attempts = 0 if is_new else headers.attempts_of(record)
        due = now + timedelta(seconds=self.delays[rung])
        first = None if is_new else headers.first_failed_of(record)
        published = headers.origin_timestamp_of(record)
        only = plugin or known
        again = headers.header(record.headers, headers.AGAIN)
        travelling = {
            headers.GROUP: group,
            headers.ORIGIN: str(headers.origin_of(record)),
            **({} if published is None else {headers.ORIGIN_TIMESTAMP: str(published)}),
            headers.ATTEMPTS: str(max(rung + 1, attempts + 1) if counted else attempts),
            headers.DUE: str(int(due.timestamp() * 1000)),
            headers.RETURN_TO: return_to,
            headers.FIRST_FAILED: first or now.isoformat(),
            # An event that came back for one plugin is still for that one alone.
            **({headers.PLUGIN: only} if only else {}),
            **({headers.AGAIN: again} if again else {}),
        }
        return OutRecord(
            self.topics()[rung].name,
            record.value,
            record.key,
            (*headers.original(record.headers), *headers.encoded(travelling)),
        )


def plugin_ladder(retry: RetrySettings) -> RetryLadder:
    """Return the ladder of what comes back for one plugin alone, and of deferred actions."""
    return RetryLadder(PLUGIN_FAMILY, retry.delays_of(PLUGIN_FAMILY), late=True)
