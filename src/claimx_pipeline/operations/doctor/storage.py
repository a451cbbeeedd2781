"""Tables, and the stores of files: by what is stored, and by writing and deleting something."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import TYPE_CHECKING

from claimx_pipeline.delta.features import unwritable
from claimx_pipeline.delta.log_files import TOO_MANY
from claimx_pipeline.errors import ClaimxError, TableError
from claimx_pipeline.operations.doctor.findings import Finding, ok, warning, wrong

if TYPE_CHECKING:
    from claimx_pipeline.media.store import FileStore
    from claimx_pipeline.pipeline import Pipeline

OWN = ".claimx-doctor"
"""Folder of what is written to see whether a store can be written to."""


def table_findings(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield what is wrong with tables: missing, other columns, features. Blocks."""
    store = pipeline.table_store
    missing, good = [], 0
    for name in sorted(store.specs):
        try:
            if not store.exists(name):
                missing.append(name)
                continue
            table = store.open(name)
            if lacking := unwritable(table):
                yield wrong(
                    "tables",
                    "table-features",
                    f"table {name} has {', '.join(lacking)}, which this version cannot write",
                    f"drop it from the table (ALTER TABLE {name} DROP FEATURE ...), or point "
                    f"tables.paths.{name} at another one",
                )
                continue
            store.compare(name)
            facts = store.facts(name)
        except TableError as error:
            yield wrong(
                "tables",
                "table-schema" if "what is declared" in str(error) else "table",
                str(error),
                f"change the table to match, or set tables.paths.{name} to another location",
            )
            continue
        good += 1
        if facts.log_files > TOO_MANY:
            yield warning(
                "tables",
                "table-log",
                f"the log of table {name} has {facts.log_files:,} files",
                f"'claimx-run tables maintain {name} --log-retention'",
            )
    if missing:
        yield wrong(
            "tables",
            "table-missing",
            f"{len(missing)} tables do not exist: {', '.join(missing)}",
            "create them: 'claimx-run tables create'",
        )
    if good:
        yield ok("tables", "tables", f"{good} tables can be written to as they are declared")


async def store_findings(pipeline: Pipeline) -> AsyncIterator[Finding]:
    """Yield whether files can be written and deleted in every store."""
    settings = pipeline.settings
    looked: set[str] = set()
    for domain in pipeline.domains.values():
        flow = domain.file_flow
        if flow is None:
            continue
        for what, path, opened in (
            ("files", "storage.files.root", flow.store),
            ("cache", "storage.cache.root", flow.cache),
        ):
            try:
                store = opened(settings)
            except ClaimxError as error:
                yield wrong("stores", f"store-{what}", str(error), f"correct {path}")
                continue
            if store.root in looked:
                continue
            looked.add(store.root)
            yield await _write(pipeline, store, what, path)


async def _write(pipeline: Pipeline, store: FileStore, what: str, path: str) -> Finding:
    name = f"{OWN}/{uuid.uuid4().hex}"

    async def content() -> AsyncIterator[bytes]:
        yield b"written by claimx-run doctor; may be deleted"

    try:
        async with asyncio.timeout(pipeline.settings.storage.timeout_seconds):
            await store.put(name, content())
            await store.delete(name)
    except (ClaimxError, TimeoutError) as error:
        return wrong(
            "stores",
            f"store-{what}",
            f"the store of {what} at {store.root} cannot be written to: {error or 'no answer'}",
            f"see that {path} exists and that the user or the credentials in storage.options may "
            "write and delete there",
        )
    finally:
        await store.close(pipeline.clock)
    return ok("stores", f"store-{what}", f"{store.root} takes and deletes {what}")
