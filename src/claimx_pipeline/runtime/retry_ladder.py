"""The retry ladder: topics of growing delay through which a failing record returns.

Nothing waits in memory: a record that is to be tried again is published to the topic of
its delay, and the ``retry`` worker publishes it back when it is due.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.runtime import headers
from claimx_pipeline.topics import Topic

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

    def topics(self) -> tuple[Topic, ...]:
        """Return the topics of the family, one per delay, shortest first."""
        return tuple(
            Topic(f"{self.family}.retry.{label(delay)}", RETRY_PARTITIONS) for delay in self.delays
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

    def waiting(  # noqa: PLR0913 - what a returning record carries
        self,
        record: Record,
        rung: int,
        *,
        group: str,
        return_to: str,
        now: datetime,
        counted: bool = True,
    ) -> OutRecord:
        """Return *record* as it waits on *rung*.

        Args:
            record: It failed.
            rung: Which delay it waits for.
            group: The consumer group that is to try it again; every other leaves it alone.
            return_to: Logical name of the topic that it goes back to.
            now: When it failed.
            counted: Whether this was one of its tries.
        """
        attempts = headers.attempts_of(record)
        due = now + timedelta(seconds=self.delays[rung])
        first = headers.first_failed_of(record)
        published = headers.origin_timestamp_of(record)
        plugin = headers.header(record.headers, headers.PLUGIN)
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
            **({headers.PLUGIN: plugin} if plugin else {}),
            **({headers.AGAIN: again} if again else {}),
        }
        return OutRecord(
            self.topics()[rung].name,
            record.value,
            record.key,
            (*headers.original(record.headers), *headers.encoded(travelling)),
        )
