"""A source's worker on a real Kafka: one owner, and it goes on where it was killed."""

import json
import subprocess
import uuid

import pytest

from claimx_pipeline.operations import create_topics, run_until_idle
from claimx_pipeline.sources.positions import newest_position
from tests.rigs import topics
from tests.rigs.command import CLEAN, PROGRAM
from tests.rigs.sources import lines, pipeline_of
from tests.rigs.until import until

pytestmark = pytest.mark.kafka


@pytest.mark.incident("OFF-07")
async def test_after_a_kill_the_position_is_on_the_broker(tmp_path, kafka_url):
    (tmp_path / "a.jsonl").write_text(lines(range(6000)))
    prefix = f"s{uuid.uuid4().hex[:8]}."
    broker = {"url": kafka_url, "prefix": prefix, "kafka": {"session_timeout_seconds": 6}}
    pipeline = pipeline_of(
        tmp_path, {"broker": broker}, type="files", path=str(tmp_path / "a.jsonl"), rate=2000
    )
    await create_topics(pipeline)
    command = [*PROGRAM, "worker", "source-old"]
    async with topics.admin_of(pipeline.broker()) as admin:
        for least in (1500, 3500):
            with subprocess.Popen(
                command, cwd=tmp_path, env=CLEAN, stderr=subprocess.DEVNULL
            ) as process:

                async def enough(least=least):
                    ends = await admin.end_offsets(f"{prefix}claimx.events.raw")
                    return sum(ends.values()) >= least

                try:
                    await until(enough, seconds=120)
                finally:
                    process.kill()
        await run_until_idle(pipeline, "source-old")
        records = await topics.records(pipeline.broker(), f"{prefix}claimx.events.raw")
        found = await newest_position(admin, f"{prefix}claimx.sources.old.position")
    ids = {json.loads(record.value)["event_id"] for record in records}
    assert ids == {f"e{number}" for number in range(6000)}
    assert len(records) < 6000 + 2 * 3000
    assert found is not None
    assert found[0].drained
    assert found[0].position["texts"] == 6000
