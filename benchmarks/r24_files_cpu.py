"""R24: processor time that the file workers need for one small file, all steps included.

``download`` fetches, checks, hashes, caches and publishes; ``upload`` copies, verifies, publishes,
and removes the cached file once it meets its result. Folders as stores, a real Kafka, a host of
files in a process of its own: only the worker's processor time is counted.
"""

from __future__ import annotations

import statistics
import tempfile
import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from attrs import evolve
from harness import Conditions, Measured, Result, single
from product_loop import run_as_it_is
from r15_files import server

from claimx_pipeline import Pipeline
from claimx_pipeline.claimx.files import CODEC
from claimx_pipeline.media.messages import DownloadTask
from tests.rigs import topics

SMALL, PHOTO = 4_000, 200_000
"""Bytes of a file: as the simulator's, and as a photo of a phone that was made smaller."""
MOST_MS = {"download": 1.5, "upload": 1.2}


def pipeline_for(folder: Path, kafka: str, host: str) -> Pipeline:
    """Return a pipeline with topics, cache and files of its own."""
    settings = {
        "broker.url": kafka,
        "broker.prefix": f"bench-{uuid.uuid4().hex[:8]}.",
        "plugins.dir": "",
        "claimx.api.base_url": f"http://{host}",
        "claimx.api.token": "none",
        "media.development_hosts": host,
        "media.work_dir": str(folder / "partial"),
        "storage.cache.root": str(folder / "cache"),
        "storage.files.root": str(folder / "files"),
        "tables.root": str(folder / "tables"),
    }
    return Pipeline.load(environ={}, cwd=folder, overrides=settings)


def tasks(url: str, count: int) -> list[DownloadTask]:
    """Return what is asked for: *count* files."""
    return [
        DownloadTask(
            media_id=str(number),
            key=str(number % 97),
            event_id=f"event-{number}",
            download_url=f"{url}/{number}.jpg",
            blob_path=f"{number % 97}/media/{number}/photo.jpg",
            file_name="photo.jpg",
            created_at=datetime.now(UTC),
        )
        for number in range(count)
    ]


async def both(kafka: str, size: int, count: int) -> dict[str, Measured]:
    """Let *count* files of *size* bytes go through both workers, one after the other."""
    with tempfile.TemporaryDirectory() as folder, server(size) as url:
        pipeline = pipeline_for(Path(folder), kafka, urlsplit(url).netloc)
        await topics.create_topics(pipeline)
        records = [CODEC.task_record(task) for task in tasks(url, count)]
        physical = pipeline.topology.physical
        await topics.publish(
            pipeline.broker(), [evolve(each, topic=physical(each.topic)) for each in records]
        )
        # ``upload`` meets each file twice: to store it, and to remove it from the cache.
        meets = {"download": count, "upload": 2 * count}
        return {
            name: await run_as_it_is(pipeline.workers[name], pipeline, most, count)
            for name, most in meets.items()
        }


async def measure(kafka: str, *, rounds: int, files: int, sizes: Sequence[int]) -> list[Result]:
    """Measure each size, in turn."""
    found: dict[tuple[str, int], list[float]] = {}
    for _ in range(rounds):
        for size in sizes:
            for name, measured in (await both(kafka, size, files)).items():
                found.setdefault((name, size), []).append(measured.cpu / measured.units * 1000)
    return [
        single(
            "R24" if size == SMALL else "R24p",
            f"{name}: processor time per file of {size // 1000} KB, ms",
            value=statistics.median(each),
            unit="ms",
            at_most=MOST_MS[name] if size == SMALL else float("inf"),
        )
        for (name, size), each in found.items()
    ]


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    files = run.of(400, 2000)
    return await measure(run.url, rounds=run.rounds, files=files, sizes=(SMALL, PHOTO))
