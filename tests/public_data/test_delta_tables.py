"""The tables of delta-rs' own tests: each is read, or its failure is one sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from attrs import evolve

from claimx_pipeline.delta.querying.answer import shown_rows
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.delta.querying.reading import batches
from claimx_pipeline.errors import ClaimxError
from tests.rigs.delta_tables import KINDS_APPENDED, make_store

FOLDER = "CLAIMX_PUBLIC_DATA"
READABLE = 40
WITH_ARROW_TROUBLE = "spark-variant-checkpoint"


def tables() -> list[Path]:
    """Return the folders of the tables; none where the data is not there."""
    given = os.environ.get(FOLDER)
    root = Path(given or "nowhere") / "delta-rs" / "crates" / "test" / "tests" / "data"
    if not given or not root.is_dir():
        return []
    # One of them lies a folder deeper.
    return sorted(log.parent for log in root.rglob("_delta_log"))


TABLES = tables()
needs_data = pytest.mark.skipif(not TABLES, reason=f"{FOLDER} names no folder with delta-rs in it")


def store_of(path: Path, tmp_path: Path):
    """Return a store whose table ``others`` is the one at *path*."""
    spec = evolve(KINDS_APPENDED, name="others")
    return make_store(tmp_path, {"others": spec}, created=False, paths={"others": str(path)})


@needs_data
@pytest.mark.incident("STR-12")
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_a_table_of_others_is_read_or_ends_in_one_sentence(tmp_path, path):
    store = store_of(path, tmp_path)
    try:
        rows = shown_rows(run_query(store, "SELECT * FROM others"))
        through = sum(batch.num_rows for batch in batches(store.open("others"), "SELECT * FROM t"))
    except ClaimxError as error:
        sentence = str(error)
    else:
        sentence = "read"
        assert len(rows) == through
        assert store.facts("others").version >= 0
    assert len(sentence.splitlines()) == 1
    assert "Traceback" not in sentence


@needs_data
@pytest.mark.incident("STR-12")
def test_as_many_are_read_as_the_engine_can(tmp_path):
    read = []
    for path in TABLES:
        store = store_of(path, tmp_path)
        try:
            run_query(store, "SELECT count(*) FROM (SELECT * FROM others LIMIT 5)")
            list(batches(store.open("others"), "SELECT * FROM t LIMIT 5"))
        except Exception:  # noqa: BLE001 - the test before looks at what it is
            continue
        read.append(path.name)
    assert len(read) >= READABLE
    assert WITH_ARROW_TROUBLE in read


@needs_data
@pytest.mark.incident("STR-14")
@pytest.mark.parametrize("path", TABLES, ids=lambda path: path.name)
def test_none_of_them_is_taken_for_one_of_ours(tmp_path, path):
    with pytest.raises(ClaimxError) as failure:
        store_of(path, tmp_path).check("others")
    assert len(str(failure.value).splitlines()) == 1
