"""A source's worker: everything is published, nothing is skipped, and it goes on where it was."""

import json
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.operations import create_all, run_until_idle
from tests.rigs import topics


def event(number: int) -> dict:
    return {
        "event_type": "PROJECT_CREATED",
        "project_id": str(number % 7),
        "event_id": f"e{number}",
        "ingested_at": "2026-01-05T10:00:00Z",
    }


def lines(*numbers: int) -> str:
    return "".join(json.dumps(event(number)) + "\n" for number in numbers)


def settings(folder: Path, **source) -> Pipeline:
    (folder / "claimx.yaml").write_text(json.dumps({"sources": {"old": source}}))
    return Pipeline.load(environ={}, cwd=folder)


async def published(pipeline: Pipeline) -> list:
    return await topics.records(pipeline.broker(), "claimx.events.raw")


async def test_every_line_of_every_file_is_published_once(tmp_path):
    files = tmp_path / "in"
    files.mkdir()
    (files / "b.jsonl").write_text(lines(*range(1500, 2500)))
    (files / "a.jsonl").write_text(lines(*range(1500)))
    pipeline = settings(tmp_path, type="files", path=str(files), poll_seconds=0.2)
    await create_all(pipeline)
    (run,) = await run_until_idle(pipeline, "source-old")
    assert run.records == 2500
    found = [json.loads(record.value)["event_id"] for record in await published(pipeline)]
    assert sorted(found) == sorted(f"e{number}" for number in range(2500))
    (run,) = await run_until_idle(pipeline, "source-old")
    assert run.records == 0
    with (files / "b.jsonl").open("a") as more:
        more.write(lines(2500))
    (run,) = await run_until_idle(pipeline, "source-old")
    assert run.records == 1
