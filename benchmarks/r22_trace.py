"""R22: seconds to find an event among 10**6 stored records, on both brokers."""

from __future__ import annotations

import json
import tempfile
import time
import uuid
from pathlib import Path

from harness import Conditions, Result, single

PART = 5_000
PADDING = "x" * 300
LIMITS = {"embedded": 2.0, "kafka": 10.0}
"""Seconds a search may take."""


async def bench(run: Conditions) -> list[Result]:
    """Store events at four stations each, then look for one in the middle."""
    return [
        await _of("embedded", "sqlite:///broker.db", run.of(20_000, 250_000)),
        await _of("kafka", run.url, run.of(20_000, 250_000)),
    ]


async def _of(name: str, url: str, events: int) -> Result:
    from claimx_pipeline import OutRecord, Pipeline, operations
    from claimx_pipeline.delta.spec import bucket_of
    from claimx_pipeline.topics import DomainTopics

    topics = DomainTopics("claimx")
    with tempfile.TemporaryDirectory() as folder:
        overrides = {
            "broker.url": url.replace("///", f"///{folder}/") if name == "embedded" else url,
            "broker.prefix": f"{uuid.uuid4().hex[:8]}.",
            "tables.root": f"{folder}/tables",
            "health.port": "0",
        }
        pipeline = Pipeline.load(environ={}, cwd=Path(folder), overrides=overrides)
        await operations.create_topics(pipeline)
        physical = pipeline.topology.physical
        producer = pipeline.broker().producer()
        await producer.start()
        for start in range(0, events, PART):
            records = []
            for number in range(start, min(start + PART, events)):
                event_id, key = f"event-{number:08}", str(700_000 + number % 997)
                value = _value(event_id, key)
                headers = (("claimx-id", event_id.encode()),)
                for topic in (topics.events_raw, topics.enrichment_pending, topics.entities_rows):
                    bucket = bucket_of(key) if topic is topics.entities_rows else None
                    records.append(
                        OutRecord(physical(topic.name), value, key.encode(), headers, bucket)
                    )
                pending = physical(topics.downloads_pending.name)
                records.append(OutRecord(pending, value, f":{number}".encode(), headers))
            await producer.publish(records)
        await producer.close()
        took, spent = [], []
        await operations.trace(pipeline, "event-00000007")  # what is imported is not counted
        for number in (events // 2, events - 1, 3):
            began, cpu = time.perf_counter(), time.process_time()
            found = await operations.trace(pipeline, f"event-{number:08}")
            took.append(time.perf_counter() - began)
            spent.append(time.process_time() - cpu)
            if len(found.stations) != 4:  # noqa: PLR2004 - one in each topic
                raise RuntimeError(f"{len(found.stations)} stations were found, not 4")
        missing = await operations.trace(pipeline, "no-such-event-of-any-kind")
    what = (
        f"trace among {4 * events:,} records ({name}); {max(spent):.1f} s of processor, "
        f"{missing.seconds:.1f} s for an id that is nowhere"
    )
    return single("R22", what, value=max(took), bare=LIMITS[name], unit="s", at_most=1.0)


def _value(event_id: str, key: str) -> bytes:
    value = {
        "event_id": event_id,
        "event_type": "PROJECT_CREATED",
        "project_id": key,
        "ingested_at": "2026-01-15T12:00:00+00:00",
        "padding": PADDING,
    }
    return json.dumps(value).encode()
