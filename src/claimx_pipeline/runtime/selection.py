"""Chooses workers by the names that a user gives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches

from claimx_pipeline.errors import UsageError
from claimx_pipeline.runtime.worker import WorkerSpec


def selected(
    workers: Mapping[str, WorkerSpec], names: Sequence[str], hints: Iterable[str] = ()
) -> list[WorkerSpec]:
    """Return the workers called *names*, a name being a worker or a set of them.

    Args:
        workers: Every worker by name.
        names: What the user named.
        hints: What else may explain that a name is not known.

    Raises:
        UsageError: There is no worker or set of a name.
    """
    chosen: dict[str, WorkerSpec] = {}
    for name in names:
        members = {
            worker.name: worker
            for worker in workers.values()
            if name == worker.name or name in worker.sets
        }
        if not members:
            raise UsageError(_unknown(workers, name, hints))
        chosen.update(members)
    return list(chosen.values())


def _unknown(workers: Mapping[str, WorkerSpec], name: str, hints: Iterable[str]) -> str:
    sets = sorted({name for worker in workers.values() for name in worker.sets})
    close = get_close_matches(name, [*workers, *sets], 1)
    hint = f"did you mean {close[0]!r}" if close else "see 'claimx-run worker --list'"
    return "; ".join([f"there is no worker {name!r}", hint, *hints])
