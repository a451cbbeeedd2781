"""Whether a pipeline can start: the one check of ``config check`` and of everything that starts.

Everything that a start builds is built, nothing is connected to, and nothing is made on disk.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.assembly import Sources
from claimx_pipeline.errors import Problem, Refusals, SettingsError

if TYPE_CHECKING:
    from claimx_pipeline.clock import Clock
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec


@frozen(kw_only=True)
class Checked:
    """What a check has found."""

    problems: Sequence[Problem] = ()
    """Nothing starts while there is one."""
    warnings: Sequence[Problem] = ()
    """What is unwise or without effect, and what is missing for workers that were not named."""
    waiting: Sequence[str] = ()
    """Workers that cannot start here, since something is missing for them."""
    pipeline: Pipeline | None = None
    """The pipeline, as far as it could be made."""


def check_settings(
    sources: Sources,
    workers: Sequence[str] = (),
    *,
    every: bool = False,
    clock: Clock | None = None,
) -> Checked:
    """Read settings, load plugins and check both.

    Args:
        sources: Where they are.
        workers: Names of workers or of sets of them that are to start.
        every: All workers are to start.
        clock: Tells the time to everything.

    Raises:
        UsageError: There is no worker or set of a name.
    """
    from claimx_pipeline.pipeline import Pipeline  # noqa: PLC0415 - only here

    refusals = Refusals(collects=True)
    pipeline = Pipeline.made(sources, refusals, clock)
    if pipeline is None:
        return Checked(problems=refusals.problems)
    if refusals.found:
        problems = [*refusals.problems, *pipeline.check()]
        warnings = _others(pipeline.loaded.warnings, problems)
        return Checked(problems=_others(problems, ()), warnings=warnings)
    return check(pipeline, workers, every=every)


def check(pipeline: Pipeline, workers: Sequence[str] = (), *, every: bool = False) -> Checked:
    """Check a pipeline that is loaded.

    Args:
        pipeline: The pipeline.
        workers: Names of workers or of sets of them that are to start.
        every: All workers are to start.

    Raises:
        UsageError: There is no worker or set of a name.
    """
    found = pipeline.check(workers, every=every or not workers)
    if workers or every:
        problems, missing = found, list[Problem]()
    else:
        problems = [each for each in found if not each.missing]
        missing = [each for each in found if each.missing]
    if problems:
        warnings = [*pipeline.noted, *missing]
        return Checked(problems=problems, warnings=_others(warnings, problems), pipeline=pipeline)
    if workers:
        pipeline.select(workers)
    # Of workers that are named, what is missing is a problem; the rest is others' concern.
    unresolved = [] if workers else [each.problem for each in pipeline.loaded.unresolved]
    return Checked(
        warnings=_others([*pipeline.warnings, *missing, *unresolved], ()),
        waiting=_waiting(pipeline) if missing else (),
        pipeline=pipeline,
    )


def to_start(
    pipeline: Pipeline, workers: Sequence[str] = (), *, every: bool = False
) -> list[WorkerSpec]:
    """Return the workers of these names, which can start.

    Raises:
        SettingsError: Something is wrong or missing; every problem is named.
        UsageError: None is named, or there is no worker or set of a name.
    """
    if found := check(pipeline, workers, every=every).problems:
        raise SettingsError(found)
    return [*pipeline.workers.values()] if every else pipeline.select(workers)


def start(sources: Sources, workers: Sequence[str] = (), *, every: bool = False) -> Pipeline:
    """Return the pipeline of *sources*, in which *workers* can start.

    Raises:
        SettingsError: Something is wrong or missing; every problem is named.
        UsageError: There is no worker or set of a name.
    """
    checked = check_settings(sources, workers, every=every)
    if checked.problems or checked.pipeline is None:
        raise SettingsError(checked.problems)
    return checked.pipeline


def _waiting(pipeline: Pipeline) -> list[str]:
    """Return the workers that something is missing for."""
    return [name for name in pipeline.workers if pipeline.check([name])]


def _others(found: Iterable[Problem], known: Sequence[Problem]) -> list[Problem]:
    """Return each of *found* once, without those that are *known*."""
    said = {str(each) for each in known}
    return [*{str(each): each for each in found if str(each) not in said}.values()]
