"""``claimx-run backfill``: once, resumable, without settings."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.operations.sources import type_of
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


def test_the_type_follows_from_what_is_there(tmp_path, monkeypatch):
    (tmp_path / "t" / "_delta_log").mkdir(parents=True)
    (tmp_path / "p").mkdir()
    pq.write_table(pa.table({"raw": [json.dumps(event(0))]}), tmp_path / "p" / "x.parquet")
    (tmp_path / "a.jsonl").write_text(lines(range(1)))
    monkeypatch.chdir(tmp_path)
    paths = ("t", "p", "p/x.parquet", "a.jsonl", "*.jsonl", "s3://lake/t")
    kinds = {path: type_of(path) for path in paths}
    assert kinds == {
        "t": "delta",
        "p": "parquet",
        "p/x.parquet": "parquet",
        "a.jsonl": "files",
        "*.jsonl": "files",
        "s3://lake/t": "delta",
    }


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("none.jsonl", "there is no file or folder '{here}/none.jsonl'; correct the path"),
        (
            "no/*.jsonl",
            "there are no files at '{here}/no/*.jsonl'; correct the path or the pattern",
        ),
        ("empty", "there are no files at '{here}/empty'; correct the path or the pattern"),
        ("", "there are no files at '{here}'; correct the path or the pattern"),
    ],
)
def test_what_is_not_there_is_said_in_one_sentence(tmp_path, path, said):
    (tmp_path / "empty").mkdir()
    done = run("backfill", path, cwd=tmp_path)
    assert done.stderr == f"claimx-run: {said.format(here=tmp_path)}\n"
    assert done.returncode == 2
    assert not (tmp_path / "claimx-data").exists(), "and no topic is made for it"
