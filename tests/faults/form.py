"""How much of the fault suite is run: ``FAULTS=long`` all of it, else a few of each kind."""

from __future__ import annotations

import os
from collections.abc import Sequence

from attrs import frozen


@frozen(kw_only=True)
class Form:
    """The sizes of one run."""

    seeds: int
    """Schedules against a whole pipeline on Kafka."""
    embedded_seeds: int
    """The same on the embedded broker."""
    zombie_trials: int
    owners: int
    """Overlapping owners in each of these trials."""
    worker_kills: int
    """Of one worker, while it writes its rows."""
    worker_rows: int
    itel_events: int
    """Of cabinet tasks, in any order."""
    large_file_mib: int
    merge_seeds: int
    """Races of a keyed table, each against each of the others named below."""
    merge_rounds: int
    """Batches of each writer in a race."""
    merge_others: Sequence[str]
    merge_instances: Sequence[int]


LONG = Form(
    seeds=int(os.environ.get("FAULT_SEEDS", "50")),
    embedded_seeds=5,
    zombie_trials=8,
    owners=10,
    worker_kills=20,
    worker_rows=20_000,
    itel_events=1_000,
    large_file_mib=1_024,
    merge_seeds=5,
    merge_rounds=60,
    merge_others=("compaction", "optimize", "append", "merge", "all"),
    merge_instances=(1, 2, 4),
)
SHORT = Form(
    seeds=2,
    embedded_seeds=1,
    zombie_trials=2,
    owners=4,
    worker_kills=4,
    worker_rows=1_000,
    itel_events=200,
    large_file_mib=64,
    merge_seeds=1,
    merge_rounds=25,
    merge_others=("all",),
    merge_instances=(1, 2),
)
FORM = LONG if os.environ.get("FAULTS") == "long" else SHORT
