"""What the version under test makes of an installation, and what of it is compared.

``tests/golden/make.py`` has the earlier version make the same, which is what is expected.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from claimx_pipeline.operations import create_all
from tests.golden.rig import (
    FIRST,
    MADE_AT,
    NEW,
    RETRIES_TAKE_HOURS,
    Installation,
    Json,
    ShiftedClock,
    StoredRecord,
    events_of,
    fresh,
    made_at,
    running,
    unpack,
)


async def lag(installation: Installation) -> dict[str, int]:
    """Return how many records each worker has not dealt with."""
    partitions = {
        (row["worker"], row["topic"], row["partition"]): row["end"] - (row["group"] or 0)
        for row in await installation.command("offsets", "show")
    }
    behind: Counter[str] = Counter()
    for (worker, _, _), records in partitions.items():
        behind[worker] += records
    return dict(+behind)


async def go_on(folder: Path, later: float = 1) -> Json:
    """Start on the installation in *folder*, work off what waits, replay, and take new events.

    Returns what there was after each step.
    """
    clock = ShiftedClock(made_at(folder) + timedelta(seconds=later))
    async with running(folder, clock) as installation:
        return {
            **await _started(installation),
            **await _worked_off(installation),
            **await _replayed(installation),
            **await _new_events(installation),
        }


async def _started(installation: Installation) -> Json:
    before = installation.tables()
    plugins, offsets = await asyncio.gather(
        installation.command("plugins", "list"), installation.command("offsets", "show")
    )
    return {"before": before, "plugins": plugins, "offsets": offsets}


async def _worked_off(installation: Installation) -> Json:
    early = await installation.run_while_time_passes()
    left, groups, exported = await asyncio.gather(
        lag(installation),
        installation.dead_letters(),
        installation.typed("dlq", "export", "-", "--all"),
    )
    return {
        "early": early,
        "waited": installation.tables(),
        "lag": left,
        "dead": by_cause(groups),
        "exported": [json.loads(line) for line in exported.splitlines()],
        "shown": await installation.command("dlq", "show", groups[0]["newest"]),
    }


async def _replayed(installation: Installation) -> Json:
    replay = await installation.command("dlq", "replay", "--yes")
    await installation.run()
    dead = by_cause(await installation.dead_letters())
    return {"replay": replay, "replayed": installation.tables(), "dead_again": dead}


async def _new_events(installation: Installation) -> Json:
    await installation.publish_events(events_of(*NEW))
    await installation.run()
    listed, asked, _ = await asyncio.gather(
        installation.command("tables", "list"),
        installation.command("query", "SELECT count(*) AS n FROM claimx_projects"),
        installation.typed("worker", *installation.all_workers, "--until-idle"),
    )
    calls = installation.simulator.requests.find("/webhooks")
    return {
        "new": installation.tables(),
        "listed": listed,
        "asked": asked,
        "sent": sorted(f"{each.method} {each.path} {each.idempotency_key}" for each in calls),
    }


async def read_again(folder: Path, records: Sequence[Json], later: float = 1) -> Json:
    """Publish *records* onto new topics and let every worker read them."""
    unpack(folder)
    for each in ("broker.db", "site"):
        (folder / each).unlink(missing_ok=True)
    shutil.rmtree(folder / "tables")
    clock = ShiftedClock(made_at(folder) + timedelta(hours=RETRIES_TAKE_HOURS, seconds=later))
    async with running(folder, clock) as installation:
        await create_all(installation.pipeline)
        await installation.publish_records(records)
        await installation.run()
        left, groups = await asyncio.gather(lag(installation), installation.dead_letters())
        return {"tables": installation.tables(), "dead": by_cause(groups), "lag": left}


def places(offsets: Sequence[Json]) -> list[Json]:
    """Return how far each table and group is in each partition, apart from how that is judged."""
    columns = ("worker", "table", "topic", "partition", "stored", "group", "begin", "end")
    found = [{column: row[column] for column in columns} for row in offsets]
    return sorted(found, key=lambda row: json.dumps(row, sort_keys=True))


def by_cause(groups: Sequence[Json]) -> Counter[str]:
    """Return how many dead letters there are of each worker, kind, plugin and category.

    A record that nobody can read is one cause at every worker that has met it, as often at each.
    """
    found: Counter[str] = Counter()
    for group in groups:
        for worker in group["workers"]:
            of = (worker, group["kind"], group["plugin"], group["category"])
            found["/".join(of)] += group["count"] // len(group["workers"])
    return found


async def write(folder: Path, start: datetime = MADE_AT) -> dict[str, list[Json]]:
    """Return what the workers write onto every topic about the first events."""
    async with running(fresh(folder), ShiftedClock(start)) as installation:
        await create_all(installation.pipeline)
        await installation.publish_events(events_of(*FIRST))
        await installation.run()
        return wire_of(await installation.topics())


def wire_of(topics: Mapping[str, Sequence[StoredRecord]]) -> dict[str, list[Json]]:
    """Return the messages of each topic, in an order of their own."""
    return {
        name: sorted(map(wire_form, records), key=lambda each: json.dumps(each, sort_keys=True))
        for name, records in topics.items()
        if records
    }


def shape(value: Any) -> Any:
    """Return what *value* looks like: keys, and the type of each value."""
    if isinstance(value, dict):
        return {key: shape(each) for key, each in sorted(value.items())}
    if isinstance(value, list):
        distinct = {json.dumps(shape(each), sort_keys=True) for each in value}
        return [json.loads(each) for each in sorted(distinct)]
    return type(value).__name__


def wire_form(record: StoredRecord) -> Json:
    """Return what of a message other workers, of whatever version, rely on."""
    headers = {name: value.decode() for name, value in record.headers}
    try:
        value = json.loads(record.value or b"null")
    except ValueError:
        value = None
    known_by = headers.get("claimx-id")
    if known_by and isinstance(value, dict) and "attempt_id" in value:
        known_by = known_by.replace(value["attempt_id"], "<attempt_id>")
    return {
        "partition": record.partition,
        "key": (record.key or b"").decode(),
        "headers": sorted(headers),
        "claimx-id": known_by,
        "shape": shape(value),
    }
