"""What became of every record that a member took: nothing disappears between poll and outcome."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import define, field

from claimx_pipeline.telemetry.metrics import WorkerMetrics


@define
class Tally:
    """Counts for one member: received = settled + given up + parked + in flight."""

    _metrics: WorkerMetrics
    in_flight: int = field(default=0, init=False)
    parked: int = field(default=0, init=False)

    def receive(self, count: int) -> None:
        """Count records taken from the broker; they are in flight."""
        self.in_flight += count
        self._metrics.received(count)

    def settle(self, counts: Mapping[str, int]) -> None:
        """Count what became of records in flight."""
        self.in_flight -= sum(counts.values())
        self._metrics.settled(counts)

    def park(self, count: int) -> None:
        """Count records in flight that wait here from now on; below 0: that go on."""
        self.parked += count
        self.in_flight -= count
        self._metrics.parked(count)

    def give_up(self, count: int) -> None:
        """Count records in flight that are another member's now."""
        self.in_flight -= count
        self._metrics.given_up(count)

    def end(self) -> None:
        """Give up all that is in flight or waits."""
        self.park(-self.parked)
        self.give_up(self.in_flight)
