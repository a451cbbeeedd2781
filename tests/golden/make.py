"""Makes the golden data with the code of the version that it is to stand for.

    PYTHONPATH=OLD/src:. python -m tests.golden.make

OLD is a checkout of that version. README.md beside this file says more.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import claimx_pipeline
from claimx_pipeline.operations import create_all, publish, run_until_idle
from claimx_pipeline.simulator.faults import Fault
from tests.golden import packing, stories
from tests.golden import rig as golden
from tests.golden.rig import Installation, Json, ShiftedClock, StoredRecord

DELAYS = (300, 600, 1200, 2400)


async def make(folder: Path) -> dict[str, list[Json]]:
    """Make an installation in *folder* and return the messages of its first wave."""
    golden.fresh(folder)
    async with golden.running(folder, ShiftedClock(golden.MADE_AT)) as installation:
        await create_all(installation.pipeline)
        await installation.publish_events(golden.events_of(*golden.FIRST))
        await installation.run()
        wire = stories.wire_of(await installation.topics())
        await die(installation)
        for climbed in (3, 2, 1, 0):
            await fail(installation, climbed)
        await leave_waiting(installation)
        (folder / "made_at").write_text(installation.clock.now().isoformat())
    packing.close(folder)
    return wire


async def die(installation: Installation) -> None:
    """Let records die of everything that records die of."""
    pipeline, folder = installation.pipeline, installation.folder
    faults = installation.simulator.faults
    await publish(pipeline, golden.RAW, [b"\xff\xfe not text", b'{"eventType": "PROJECT_CREATED"}'])
    await publish(pipeline, "claimx.entities.rows", [b"{}", refused_row()], keys=["1", "2"])
    await publish(pipeline, "itel.cabinet.task.tracking", [b'{"project_id": 1}'])
    task = (await installation.topics())["claimx.downloads.pending"][0]
    strange = json.loads(task.value) | {
        "media_id": "666",
        "download_url": "https://strange.test/a.jpg",
    }
    await publish(pipeline, "claimx.downloads.pending", [strange], keys=["claimx:666"])
    await installation.publish_events([event("unknown-project", "PROJECT_CREATED", 999_999_999)])
    (folder / "desk.broken").touch()
    closed = [event(f"desk-closed-{number}", "PROJECT_MFN_ADDED", 700101) for number in (1, 2)]
    await installation.publish_events([*closed, *files_of(700107)[:1]])
    await installation.run()
    (folder / "desk.broken").unlink()
    for path in ("/webhooks", "/itel"):
        faults.add(Fault(kind="error", path=path, status=422))
    await installation.publish_events(
        [
            event("hook-refused", "POLICYHOLDER_INVITED", 700100),
            event("desk-refused", "PROJECT_CREATED", 700100),
            event("form-refused", "CUSTOM_TASK_COMPLETED", 700100, taskAssignmentId=7000000),
        ]
    )
    await installation.run()
    faults.clear()
    await replay(installation, b"unknown-project")
    await installation.run()


async def replay(installation: Installation, text: bytes) -> None:
    """Replay the dead letter of an event whose record holds *text*."""
    dead = (await installation.topics())["claimx.enrichment.dlq"]
    first = next(each for each in dead if text in (each.value or b""))
    place = f"{first.topic}/{first.partition}/{first.offset}"
    await installation.command("dlq", "replay", place, "--yes")


def files_of(*projects: int) -> list[Json]:
    return [each for each in golden.events_of(*projects) if "FILE" in kind_of(each)]


def refused_row() -> bytes:
    """Return a message whose time cannot be read."""
    log = {"event_id": "odd", "enriched_at": "yesterday"}
    return json.dumps(
        {"event_id": "odd", "event_type": "X", "project_id": "1", "log": log}
    ).encode()


def event(name: str, kind: str, project: int, **more: Any) -> Json:
    """Return an event that is not part of the world's history."""
    at = "2026-01-20T08:00:00.000Z"
    return {
        "eventId": f"golden-{name}",
        "eventType": kind,
        "projectId": project,
        "ingestedAt": at,
        **more,
    }


async def fail(installation: Installation, climbed: int) -> None:
    """Let one record of each family fail, and again until it waits on rung *climbed*."""
    faults = installation.simulator.faults
    files = files_of(700103, 700106)
    await installation.publish_events(
        [
            files[climbed],
            event(f"invited-{climbed}", "POLICYHOLDER_INVITED", 700102),
            event(f"created-{climbed}", "PROJECT_CREATED", 700102),
            event(f"form-{climbed}", "CUSTOM_TASK_COMPLETED", 700100, taskAssignmentId=7000000),
        ]
    )
    await installation.run("ingest", "events", "enrichment")
    for path in ("/service", "/media", "/webhooks", "/itel"):
        faults.add(Fault(kind="error", path=path, status=503))
    await installation.publish_events([event(f"late-{climbed}", "PROJECT_CREATED", 700101)])
    await installation.run(*but_retry(installation))
    for delay in DELAYS[:climbed]:
        installation.clock.move(delay + 5)
        await bring_back(installation)
        await installation.run(*but_retry(installation))
    faults.clear()


def but_retry(installation: Installation) -> list[str]:
    return [name for name in installation.all_workers if name != "retry"]


async def bring_back(installation: Installation) -> None:
    """Run the retry worker until nothing is due any more."""
    running = asyncio.create_task(run_until_idle(installation.pipeline, "retry"))
    async with asyncio.timeout(60):
        while await due(installation):
            await asyncio.sleep(0.1)
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def due(installation: Installation) -> int:
    """Return how many records of the retry topics are due and still there."""
    pipeline, count = installation.pipeline, 0
    admin = pipeline.broker().admin()
    now = installation.clock.now().timestamp() * 1000
    for topic, records in (await installation.topics()).items():
        if ".retry." not in topic:
            continue
        group = pipeline.topology.group(pipeline.workers["retry"].group)
        committed = await admin.committed(group, pipeline.topology.physical(topic))
        count += sum(
            each.offset >= committed.get(each.partition, 0)
            and int(dict(each.headers)["claimx-due"]) <= now
            for each in records
        )
    await admin.close()
    return count


async def leave_waiting(installation: Installation) -> None:
    """Leave records on every topic on the way from a raw event to the tables."""
    waves = (
        (golden.events_of(700104), ("download", "upload", "itel-api")),
        (golden.events_of(700107), ("download",)),
        (golden.events_of(700108), ()),
    )
    for events, further in waves:
        await installation.publish_events(events)
        await installation.run("ingest", "events", "enrichment")
        for worker in further:
            await installation.run(worker)
    others = [each for each in golden.events_of(700106) if "FILE" not in kind_of(each)]
    await installation.publish_events(others)
    await installation.run("ingest")
    others = [each for each in golden.events_of(700103) if "FILE" not in kind_of(each)]
    await installation.publish_events(others)
    await replay(installation, b"desk-closed-1")


def kind_of(each: Mapping[str, Any]) -> str:
    return str(each.get("eventType") or each.get("event_type"))


def pick(topics: Mapping[str, Iterable[StoredRecord]], site: str) -> list[Json]:
    """Return one record of each kind of each topic, readable."""
    picked: dict[Any, Json] = {}
    for topic, records in sorted(topics.items()):
        for each in records:
            headers = [(name, golden.text_of(value, site)) for name, value in each.headers]
            picked.setdefault(
                (topic, kind_of_record(each)),
                {
                    "topic": topic,
                    "partition": each.partition,
                    "key": golden.text_of(each.key, site),
                    "headers": headers,
                    "value": golden.text_of(each.value, site),
                },
            )
    return list(picked.values())


def kind_of_record(record: StoredRecord) -> str:
    """Return what records of a topic differ by."""
    headers = dict(record.headers)
    parts = [
        *sorted(headers),
        *(headers.get(f"claimx-dlq-{name}") for name in ("worker", "category")),
    ]
    parts.append(headers.get("claimx-group"))
    try:
        value = json.loads(record.value or b"")
    except ValueError:
        return str(parts)
    if isinstance(value, dict):
        names = ("event_type", "eventType", "type", "kind", "status", "owner", "outcome")
        parts += [value.get(name) for name in names]
        parts.append(sorted(kind for kind, rows in (value.get("rows") or {}).items() if rows))
    return str(parts)


def compared(one: Any, other: Any, bookkeeping: Mapping[str, Iterable[str]]) -> Any:
    """Return the rows of *one* by table, without the columns that no two runs agree on.

    Nor those that tell about the processing: they depend on what came in one batch.
    """
    kept = {}
    for table, rows in one.items():
        columns = list(rows[0]) if rows else []
        agreed = [
            column
            for column in columns
            if column not in bookkeeping[table]
            and sorted(str(row[column]) for row in rows)
            == sorted(str(row[column]) for row in other[table])
        ]
        kept[table] = only(rows, agreed)
        if left_out := sorted(set(columns) - set(agreed)):
            print(f"{table}: not compared: {', '.join(left_out)}")
    return kept


def only(rows: Iterable[Json], columns: Iterable[str]) -> list[Json]:
    columns = list(columns)
    return [{column: row[column] for column in columns} for row in rows]


async def expect(
    folder: Path, records: list[Json], bookkeeping: Mapping[str, Iterable[str]]
) -> Json:
    """Let the old code do twice what the new code is to do; return what both times agree on."""
    runs = []
    for number in range(2):
        room = folder / f"expected-{number}"
        runs.append(
            (
                await stories.go_on(golden.unpack(room / "on"), later=1 + 17 * number),
                await stories.read_again(room / "again", records, later=1 + 17 * number),
            )
        )
    (one, again), (other, other_again) = runs
    steps = ("waited", "replayed", "new")
    for key in ("early", "dead", "dead_again", "sent", "lag"):
        print(f"{key}: {one[key]}" if one[key] == other[key] else f"{key}: {one[key]} {other[key]}")
    print("again", again["dead"], other_again["dead"], again["lag"])
    return {
        "before": one["before"],
        "offsets": stories.places(one["offsets"]),
        **{step: compared(one[step], other[step], bookkeeping) for step in steps},
        **{key: one[key] for key in ("dead", "dead_again", "sent")},
        "early": dict(one["early"]),
        "replay": {key: one["replay"][key] for key in ("replayed", "refused")},
        "read_again": {
            "tables": compared(again["tables"], other_again["tables"], bookkeeping),
            "dead": dict(again["dead"]),
        },
    }


async def main() -> None:
    """Make everything."""
    print(f"with {claimx_pipeline.__file__} at {datetime.now(UTC)}")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "golden"
        wire = await make(folder)
        packing.hide_paths(folder, folder, Path(golden.CODE).parent)
        packing.pack(folder)
        topics = {}
        async with golden.running(folder, ShiftedClock(golden.MADE_AT)) as installation:
            site = installation.simulator.url
            topics = await installation.topics()
            bookkeeping = {
                name: [column.name for column in spec.columns if column.bookkeeping]
                for name, spec in installation.pipeline.tables.items()
            }
        records = pick(topics, site)
        print({name: len(found) for name, found in topics.items()})
        packing.write(golden.RECORDS, records)
        packing.write(golden.WIRE, wire)
        packing.write(golden.EXPECTED, await expect(Path(made), records, bookkeeping))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
