"""Garbage is collected rarely while ``claimx-run`` runs workers, and only then."""

import gc
import weakref

import pytest

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.cli import garbage
from claimx_pipeline.cli.garbage import THRESHOLDS, rarely
from tests.rigs.until import until


@pytest.fixture
async def ready(tmp_path):
    """A pipeline whose topics and tables exist."""
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    await operations.create_all(pipeline)
    return pipeline


async def test_what_is_loaded_is_left_out_while_workers_run(ready):
    before = gc.get_threshold()
    async with operations.running(ready, "ingest", "events") as run:
        assert gc.get_threshold() == before
        async with rarely(run):
            assert gc.get_threshold() == THRESHOLDS
            await run.until_loaded()
            await until(gc.get_freeze_count)
        assert gc.get_threshold() == before
        assert gc.get_freeze_count() == 0


class LargeError(Exception):
    """One that refers to itself by its traceback, as those of a worker may."""


async def test_the_garbage_of_a_quiet_worker_is_collected_in_its_time(ready, monkeypatch):
    monkeypatch.setattr(garbage, "YOUNG_SECONDS", 0.05)
    async with operations.running(ready, "ingest") as run, rarely(run):
        await run.until_loaded()
        await until(gc.get_freeze_count)
        failure = LargeError()
        failure.itself = failure
        kept = weakref.ref(failure)
        del failure
        assert kept() is not None
        await until(lambda: kept() is None)


async def test_a_run_that_ends_before_its_workers_are_up_is_waited_for_no_longer(ready):
    async with operations.running(ready, "ingest") as run:
        run.stop()
        await run.until_ended()
        await run.until_loaded()
