"""R25: requests to the object store per commit and per file, and what they cost a day.

Counted on moto's S3, each answer 20 ms late as a store's are. Prices are those that Amazon lists
for S3 Standard.
"""

from __future__ import annotations

import hashlib
import tempfile
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import entity_rows
from counting_proxy import Counting, counting, dollars
from harness import Conditions, Result
from r3_append import PLACE, ROWS, Source
from r3_append import rows as event_rows

from claimx_pipeline.claimx.tables import ENTITY_TABLES, EVENTS
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.sink import TableSink
from claimx_pipeline.media.copying import copy_file
from claimx_pipeline.media.messages import CachedFile
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.tables import TablesSettings
from tests.rigs.object_stores import s3

LATE_SECONDS = 0.02
COMMITS_PER_DAY = 86_400
"""One a second, which is the default linger."""
FILES_PER_DAY = 1_000_000
STORED = 20_000
"""Rows in the keyed table."""


def shown(what: str, counts: Counter[str], number: int, per_day: int) -> Result:
    """Return a row: requests of one of *number*, and dollars per day."""
    each = Counter({name: count / number for name, count in counts.items()})
    parts = ", ".join(f"{count:.1f} {name}" for name, count in sorted(each.items()))
    total = sum(each.values())
    row = Result("R25", what, "shown", "requests", met=True)
    row.ratios, row.product, row.bare = [total], [total], [0.0]
    print(row.line(), flush=True)
    print(f"      {parts}; {per_day:,} a day cost ${dollars(each) * per_day:,.2f}", flush=True)
    return row


async def sink_of(root: str, options: dict[str, Secret], spec: TableSpec) -> TableSink:
    """Return an open sink of a new table."""
    settings = TablesSettings(root=root, storage_options=options)
    store = TableStore(settings, {spec.name: spec}, SystemClock())
    store.create(spec.name)
    sink = store.sink(spec.name, "bench")
    await sink.open()
    await sink.acquire([PLACE])
    return sink


async def appends(proxy: Counting, root: str, options: dict[str, Secret], count: int) -> Result:
    """Count what appending costs, the checkpoints included."""
    sink = await sink_of(root, options, EVENTS)
    proxy.take()
    for number in range(count):
        sources: Any = [Source(number * ROWS + at) for at in range(ROWS)]
        end = {PLACE: (number + 1) * ROWS}
        await sink.write(event_rows(number * ROWS), sources, end)
    counts = proxy.take()
    await sink.close()
    return shown(f"a commit of {ROWS} new events", counts, count, COMMITS_PER_DAY)


async def replacements(
    proxy: Counting, root: str, options: dict[str, Secret], count: int
) -> Result:
    """Count what replacing rows all over a keyed table costs."""
    spec = ENTITY_TABLES["projects"]
    sink = await sink_of(root, options, spec)
    await sink.write(
        [TableRow(spec.name, row) for row in entity_rows.rows(spec, range(STORED))], (), {}
    )
    proxy.take()
    for turn in range(1, count + 1):
        numbers = range(turn, STORED, STORED // ROWS)
        changed = entity_rows.rows(spec, numbers, turn)
        await sink.write([TableRow(spec.name, row) for row in changed], (), {})
    counts = proxy.take()
    await sink.close()
    what = f"a commit of {ROWS} keys all over {STORED:,} rows"
    return shown(what, counts, count, COMMITS_PER_DAY)


async def files(proxy: Counting, root: str, options: dict[str, Secret], count: int) -> list[Result]:
    """Count what storing a file costs, with the cache on a disk and in the store as well."""
    results = []
    for name, on_disk in (("on a disk", True), ("in the store", False)):
        with tempfile.TemporaryDirectory() as folder:
            cache = open_store(folder if on_disk else f"{root}/cache", {} if on_disk else options)
            stored = open_store(f"{root}/files", options)
            proxy.take()
            for number in range(count):
                content = b"\xff\xd8\xff" + bytes(4000) + str(number).encode()
                file = cached_file(number, content)
                await cache.in_folder(file.cache_path.rpartition("/")[0])
                await cache.put_bytes(file.cache_path, content, file.content_type)
                await copy_file(file, cache, stored)
                await cache.delete(file.cache_path)
            what = f"a file from its look in the cache to its end, cache {name}"
            results.append(shown(what, proxy.take(), count, FILES_PER_DAY))
    return results


def cached_file(number: int, content: bytes) -> CachedFile:
    """Return the message about a file."""
    digest = hashlib.sha256(content).hexdigest()
    return CachedFile(
        media_id=str(number),
        key="1",
        event_id=f"event-{number}",
        download_url="https://files.example.com/x",
        blob_path=f"1/media/{number}/photo.jpg",
        file_name="photo.jpg",
        cache_path=f"claimx/{number}/one/{digest}.jpg",
        bytes_downloaded=len(content),
        checksum=digest,
        content_type="image/jpeg",
        downloaded_at=datetime.now(UTC),
    )


async def bench(run: Conditions) -> list[Result]:
    """Count."""
    commits, number = run.of(25, 200), run.of(20, 100)
    with s3() as place:
        target = urlsplit(place.options["AWS_ENDPOINT_URL"]).port or 0
        with counting(target, LATE_SECONDS) as proxy:
            options = place.secrets()
            options["AWS_ENDPOINT_URL"] = Secret(f"http://127.0.0.1:{proxy.port}")
            root = f"{place.root}/{uuid.uuid4().hex[:8]}"
            return [
                await appends(proxy, f"{root}/a", options, commits),
                await replacements(proxy, f"{root}/k", options, run.of(8, 40)),
                *await files(proxy, root, options, number),
            ]
