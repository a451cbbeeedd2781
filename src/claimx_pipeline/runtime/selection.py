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
        UsageError: Nothing is named, or there is no worker or set of a name.
    """
    if isinstance(names, str) or not all(isinstance(name, str) for name in names):
        raise UsageError(f"workers are named one by one, as texts; {names!r} is something else")
    if not names:
        raise UsageError(f"no worker is named; name {_examples(workers)}")
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


def _examples(workers: Mapping[str, WorkerSpec]) -> str:
    sets = sorted({name for worker in workers.values() for name in worker.sets})
    what = [f"workers ({', '.join(workers)})"] if workers else []
    return " or ".join([*what, *([f"sets of them ({', '.join(sets)})"] if sets else [])])


def _unknown(workers: Mapping[str, WorkerSpec], name: str, hints: Iterable[str]) -> str:
    sets = sorted({name for worker in workers.values() for name in worker.sets})
    former = [worker.name for worker in workers.values() if name in worker.formerly]
    close = [*former, *get_close_matches(name, [*workers, *sets], 1)]
    hint = f"did you mean {close[0]!r}?" if close else "see 'claimx-run worker --list'"
    return "; ".join([f"there is no worker {name!r}", hint, *hints])
