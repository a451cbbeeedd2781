"""What became of every record that a member took: nothing disappears between poll and outcome."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from claimx_pipeline.runtime.delivery.paused import PausedPartitions
from claimx_pipeline.telemetry.metrics import WorkerMetrics


@define
class RecordCounts:
    """Counts for one member: received = committed + revoked + paused + in flight."""

    _metrics: WorkerMetrics
    in_flight: int = field(default=0, init=False)
    paused: int = field(default=0, init=False)

    def polled(self, seconds: float) -> None:
        """Note how long the broker took to return records."""
        self._metrics.phase("poll", seconds)

    def receive(self, count: int) -> None:
        """Count records taken from the broker; they are in flight."""
        self.in_flight += count
        self._metrics.received(count)

    def commit(self, counts: Mapping[str, int], reached: int | None = None) -> None:
        """Count what became of records in flight.

        Args:
            counts: Records by outcome.
            reached: Timestamp of the last of them, milliseconds since 1970 UTC.
        """
        self.in_flight -= sum(counts.values())
        self._metrics.committed(counts)
        if reached is not None:
            self._metrics.reached = reached

    def pause(self, count: int) -> None:
        """Count records in flight that wait here from now on; below 0: that go on."""
        self.paused += count
        self.in_flight -= count
        self._metrics.paused(count)

    def revoke(self, count: int) -> None:
        """Count records in flight that are another member's now."""
        self.in_flight -= count
        self._metrics.revoked(count)

    def end(self, waiting: PausedPartitions | None = None) -> None:
        """Count all that is in flight or waits as another member's.

        Args:
            waiting: What waits here, if this is the end of the member.
        """
        if waiting is not None:
            self._metrics.left_waiting(waiting.count(), waiting.until())
        self.pause(-self.paused)
        self.revoke(self.in_flight)
