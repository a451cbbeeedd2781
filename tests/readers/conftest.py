"""Real tables: inserted to, merged into, and with a partition that was compacted."""

import asyncio
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline, operations
from tests.rigs import predecessor


@pytest.fixture(scope="session")
def loaded(tmp_path_factory):
    """A pipeline with tables of sixty rows each, written twice, and compacted."""
    folder: Path = tmp_path_factory.mktemp("readers")
    pipeline = Pipeline.load(
        environ={}, cwd=folder, overrides={"tables.root": str(folder / "tables")}
    )

    async def write() -> None:
        for table in predecessor.ROWS:
            for source, rows in (("first", 40), ("second", 60)):
                predecessor.make(folder / source, rows, (table,))
                work = folder / "work" / source / table
                await operations.import_table(
                    pipeline, str(folder / source / table), table, work=work
                )
        await operations.compact_tables(pipeline, *predecessor.ROWS)

    asyncio.run(write())
    return pipeline


@pytest.fixture(scope="session")
def root(loaded):
    return loaded.settings.tables.root
