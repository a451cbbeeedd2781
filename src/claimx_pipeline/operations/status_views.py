"""How everything is, as facts: workers, retries, dead letters, tables."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from attrs import asdict, field, frozen


@frozen(kw_only=True)
class WorkerStatus:
    """One worker, all its members together."""

    worker: str
    group: str
    members: int | None
    """Of its consumer group; None if the broker does not say."""
    lag: int
    """Records that it has not committed."""
    oldest: datetime | None
    """When the oldest of them was published."""
    rate: float | None
    """Records per second that it has committed since the look before; None for the first."""
    state: str
    """``ready``, ``degraded``, ``waiting``, ``starting``, ``failed``, ``stopped``, ``not running``
    or ``running``."""
    reason: str = ""
    """Why, and for what it waits."""
    committed: int = 0
    """Sum of the group's offsets, from which the next look has the rate."""


@frozen(kw_only=True)
class RetryTier:
    """A retry topic."""

    topic: str
    waiting: int
    next_due: datetime | None
    """When the first of its records is due; None if none waits."""


@frozen(kw_only=True)
class DeadCause:
    """Dead letters of one cause that were not replayed."""

    fingerprint: str
    worker: str
    category: str
    error_type: str
    example: str
    """The newest error as it was."""
    count: int
    last: datetime


@frozen(kw_only=True)
class TableAge:
    """A table, and its last commit."""

    table: str
    version: int | None
    """None if it has not been created."""
    committed: datetime | None
    error: str = ""


@frozen(kw_only=True)
class PipelineStatus:
    """Everything, as it was at one moment."""

    at: datetime
    broker: str
    workers: Sequence[WorkerStatus]
    tiers: Sequence[RetryTier]
    """Those in which something waits."""
    dead: Sequence[DeadCause]
    """The largest first."""
    dead_older: int
    """Dead letters that were not looked at."""
    tables: Sequence[TableAge]
    warnings: Sequence[str] = ()
    probes: Sequence[str] = field(factory=tuple)
    """Processes that have answered."""

    @property
    def ready(self) -> bool:
        """Whether every worker that runs takes records, as ``/health/ready`` says."""
        kinds = {each.state for each in self.workers}
        return not kinds & {"waiting", "failed", "starting", "stopped"}

    def as_json(self) -> dict[str, Any]:
        """Return it as ``claimx-run status --json`` prints it."""
        return {**asdict(self, value_serializer=_plain), "ready": self.ready}


def _plain(_: Any, __: Any, value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
