"""Erases claims, or the claims of a person: tables, files, topics."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import field, frozen

from claimx_pipeline.errors import UsageError
from claimx_pipeline.media.known_files import NEWS_SECONDS, erased_record
from claimx_pipeline.media.names import safe_id
from claimx_pipeline.operations.erasing.records import (
    ClaimRecords,
    ErasedRecords,
    erase_records,
    records_of,
)
from claimx_pipeline.operations.erasing.rows import (
    ErasedRows,
    erase_rows,
    key_columns,
    keys_of_person,
    paths_of_files,
)
from claimx_pipeline.operations.names import one_domain
from claimx_pipeline.operations.topics import BATCH, open_admin, open_producer
from claimx_pipeline.runtime.dead_letters.large_values import FOLDER, ValueFiles

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.media.store import FileStore
    from claimx_pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)

STAYS = (
    "a broker deletes from the beginning of a partition on only: what is left in topics stays "
    "until their retention, or until all before it is deleted",
    "the log of a table names ids of claims as bounds of files until those commits are deleted; "
    "'claimx-run tables maintain' does that for all but the last 400",
    "files that failed commits have left are deleted by 'claimx-run tables vacuum --orphans', "
    "seven days after",
    "what was copied elsewhere stays: backups, logs of the processes, topics and tables of others, "
    "what the services themselves keep",
)
"""What an erasure does not reach, a sentence each."""


@frozen(kw_only=True)
class ErasedFiles:
    """Files of the claims in one store."""

    store: str
    """Where it is, without credentials."""
    files: int
    """The files."""
    shared: Sequence[str] = ()
    """Paths that other claims have as well; those files stay."""


@frozen(kw_only=True)
class Erasure:
    """What was erased of some claims, or would be."""

    domain: str
    """Name of the domain."""
    keys: Sequence[str]
    """The claims."""
    dry_run: bool
    """Whether nothing was erased."""
    tables: Sequence[ErasedRows] = ()
    """What was erased of each table."""
    files: Sequence[ErasedFiles] = ()
    """What was erased of the files."""
    topics: Sequence[ErasedRecords] = ()
    """What was erased of the topics."""
    stays: Sequence[str] = field(default=STAYS)
    """What an erasure does not reach."""

    @property
    def waiting(self) -> int:
        """Records that workers have still to read: they bring rows back. Erase again then."""
        return sum(each.waiting for each in self.topics)

    @property
    def errors(self) -> list[tuple[str, str]]:
        """Tables whose rows could not be deleted, each with the reason."""
        return [(each.table, each.error) for each in self.tables if each.error]


async def claims_of_person(
    pipeline: Pipeline, person: str, *, domain: str | None = None
) -> list[str]:
    """Return the keys of the claims whose policyholder is *person*.

    Args:
        pipeline: The pipeline.
        person: First and last name, an e-mail address or a phone number, as they are stored.
        domain: The domain; the first one if not given.

    Raises:
        UsageError: There is no such domain or person, or the domain does not say where it names
            people.
        TableError: A table cannot be read.
    """
    chosen = _domain(pipeline, domain)
    if not person.strip():
        raise UsageError("no person is named")
    if not chosen.people:
        raise UsageError(f"domain {chosen.name!r} does not say where it names people")
    found = await asyncio.to_thread(keys_of_person, pipeline.table_store, chosen, person)
    if not found:
        raise UsageError("no claim has a policyholder of that name, e-mail address or phone number")
    return sorted(found)


async def erase(
    pipeline: Pipeline, keys: Collection[str], *, domain: str | None = None, dry_run: bool = False
) -> Erasure:
    """Erase claims: their files, their rows with all older versions, their records.

    Workers may go on meanwhile. Records of the claims that are still on their way bring rows
    back; the answer counts them. Doing it again does no harm.

    Args:
        pipeline: The pipeline.
        keys: The claims: of ClaimX, ids of projects.
        domain: Their domain; the first one if not given.
        dry_run: Delete nothing.

    Returns:
        What was deleted, or would be, and what stays.

    Raises:
        UsageError: No claim is named, or there is no such domain.
        OSError: A file of a dead letter's value cannot be deleted. Do it again.
        StorageError: The store of files failed. Rows are still there: do it again.
        TableError: A table of files cannot be read.
        BrokerError: The broker did not answer. Do it again.
    """
    chosen = _domain(pipeline, domain)
    wanted = frozenset(key.strip() for key in keys)
    if not wanted or "" in wanted:
        raise UsageError("no claim is named")
    store = pipeline.table_store
    columns = key_columns(chosen, store.specs)
    claims = ClaimRecords.of(wanted, {chosen.key_name, *columns.values()})
    # Before, until each ``download`` knows, so that none reports a file that is deleted; and after,
    # so that no upload which was under way says that it is there.
    if not dry_run and await _forget_files(pipeline, chosen, claims):
        await pipeline.clock.sleep(NEWS_SECONDS + 1)
    # Rows say where files are, so files go first: an erasure that was cut off is done again.
    files = await _erase_files(pipeline, chosen, columns, wanted, dry_run=dry_run)
    tables = []
    for table, column in columns.items():
        done = await asyncio.to_thread(erase_rows, store, table, column, wanted, dry_run=dry_run)
        if done is not None:
            tables.append(done)
    if not dry_run:
        await _forget_files(pipeline, chosen, claims)
    async with open_admin(pipeline) as admin:
        topics = await erase_records(pipeline, admin, claims, dry_run=dry_run)
    files += await _erase_values(pipeline, topics, dry_run=dry_run)
    erasure = Erasure(
        domain=chosen.name,
        keys=sorted(wanted),
        dry_run=dry_run,
        tables=tables,
        files=files,
        topics=topics,
    )
    if not dry_run:
        rows = sum(each.rows for each in tables)
        count = sum(each.files for each in files)
        log.warning("erased %d claims: %d rows, %d files", len(wanted), rows, count)
    return erasure


async def _erase_files(
    pipeline: Pipeline,
    domain: Domain,
    columns: Mapping[str, str],
    keys: Collection[str],
    *,
    dry_run: bool,
) -> list[ErasedFiles]:
    flow = domain.file_flow
    if flow is None:
        return []
    own, shared = await asyncio.to_thread(paths_of_files, pipeline.table_store, columns, keys)
    files, cache = flow.store(pipeline.settings), flow.cache(pipeline.settings)
    stored = [path for path in sorted(own) if await files.stat(path) is not None]
    cached = await _cached(cache, own, keys, pipeline.clock.now())
    if not dry_run:
        for path in stored:
            await files.delete(path)
        for path in cached:
            await cache.delete(path)
    return [
        ErasedFiles(store=files.root, files=len(stored), shared=sorted(shared)),
        ErasedFiles(store=cache.root, files=len(cached)),
    ]


async def _forget_files(pipeline: Pipeline, domain: Domain, claims: ClaimRecords) -> int:
    """Say that the files of the claims are not stored any more: the next event fetches them.

    Returns:
        Of how many files that was said.

    Raises:
        BrokerError: The broker did not answer.
    """
    if domain.file_flow is None:
        return 0
    topic = pipeline.topology.physical(domain.file_flow.topics.stored.name)
    now = pipeline.clock.now()
    async with open_admin(pipeline) as admin:
        if topic not in await admin.topics():
            return 0
        found = [
            said
            async for record in records_of(admin, topic, claims)
            if (said := erased_record(record, now)) is not None
        ]
    if found:
        async with open_producer(pipeline) as producer:
            for start in range(0, len(found), BATCH):
                await producer.publish(found[start : start + BATCH])
    return len(found)


async def _erase_values(
    pipeline: Pipeline, topics: Sequence[ErasedRecords], *, dry_run: bool
) -> list[ErasedFiles]:
    """Delete the files with values of dead letters, those of dead letters that stay as well."""
    paths = sorted({path for each in topics for path in each.value_files})
    if not paths:
        return []
    root = pipeline.settings.storage.files.root
    if not dry_run:
        for path in paths:
            await asyncio.to_thread(ValueFiles(root).delete, path)
    return [ErasedFiles(store=f"{root}/{FOLDER}", files=len(paths))]


async def _cached(
    cache: FileStore, paths: Collection[str], keys: Collection[str], now: datetime
) -> list[str]:
    """Return the files of *keys* that wait in the cache, those of *paths* among them."""
    found = {path for path in paths if await cache.stat(path) is not None}
    for key in keys:
        async with aclosing(cache.older_than(now, below=safe_id(key))) as listed:
            found |= {file.path async for file in listed}
    return sorted(found)


def _domain(pipeline: Pipeline, name: str | None) -> Domain:
    return one_domain(pipeline, name) if name else next(iter(pipeline.domains.values()))
