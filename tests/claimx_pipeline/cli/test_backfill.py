"""``claimx-run backfill``: once, resumable, without settings."""

import json

import pyarrow as pa
import pyarrow.parquet as pq

from claimx_pipeline import Pipeline
from claimx_pipeline.operations import backfill_of
from tests.rigs.command import run
from tests.rigs.sources import event, lines, raw_ids


async def test_a_file_is_published_once_and_again_if_asked(tmp_path):
    (tmp_path / "a.jsonl").write_text(lines(range(300)))
    first = run("backfill", "a.jsonl", "--rate", "5000", cwd=tmp_path)
    assert (first.returncode, "published 300 events of a.jsonl" in first.stderr) == (0, True)
    second = run("backfill", "a.jsonl", cwd=tmp_path)
    assert "everything was published before; publish it again with --again" in second.stderr
    third = run("backfill", "a.jsonl", "--again", cwd=tmp_path)
    assert "published 300 events" in third.stderr
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    assert len(await raw_ids(pipeline)) == 600


def test_the_type_follows_from_what_is_there(tmp_path):
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    (tmp_path / "p").mkdir()
    pq.write_table(pa.table({"raw": [json.dumps(event(0))]}), tmp_path / "p" / "x.parquet")
    kinds = {
        path: next(
            value for key, value in backfill_of(path).overrides.items() if key.endswith(".type")
        )
        for path in ("t", "p", "p/x.parquet", "a.jsonl", "in/*.json", "s3://lake/t")
    }
    assert kinds == {
        "t": "delta",
        "p": "parquet",
        "p/x.parquet": "parquet",
        "a.jsonl": "files",
        "in/*.json": "files",
        "s3://lake/t": "delta",
    }


def test_what_is_not_there_is_said_in_one_sentence(tmp_path):
    done = run("backfill", "none.jsonl", cwd=tmp_path)
    assert done.returncode == 1
    assert "there is no file or folder" in done.stderr
    assert "Traceback" not in done.stderr
