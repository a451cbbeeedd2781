"""Workers as processes, on Kafka, whose records or topics are deleted while they run."""

import asyncio
import json
import signal
import urllib.error
import urllib.request
import uuid

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.delta.querying.query import run_query
from tests.rigs import topics
from tests.rigs.command import Running, stop_all
from tests.rigs.until import until

pytestmark = pytest.mark.kafka

RAW = "claimx.events.raw"


def event(number: int) -> bytes:
    return json.dumps(
        {"eventId": f"e{number}", "eventType": "PROJECT_CREATED", "projectId": number}
    ).encode()


class Started:
    """One worker as a process, on topics of its own with one partition of events."""

    def __init__(self, folder, url: str, on_gap: str) -> None:
        self.prefix = f"t-{uuid.uuid4().hex[:8]}."
        self.url = url.removeprefix("kafka://")
        (folder / "claimx.yaml").write_text(
            f"broker:\n  url: '{url}'\n  prefix: '{self.prefix}'\n"
            f"  topics: {{{RAW}: {{partitions: 1}}}}\noffsets: {{on_gap: {on_gap}}}\n"
        )
        self.folder = folder
        self.pipeline = Pipeline.load(folder / "claimx.yaml", environ={}, cwd=folder)
        self.topic = f"{self.prefix}{RAW}"
        self.running: Running | None = None
        self.health = ""

    async def start(self) -> None:
        await topics.create_topics(self.pipeline)
        self.pipeline.table_store.create("claimx_events")
        self.running = Running.start("worker", "events", cwd=self.folder, env={})
        line = await asyncio.to_thread(self.running.wait_for, "health ")
        self.health = next(word for word in line.split() if word.startswith("http"))

    async def publish(self, *numbers: int) -> None:
        records = [OutRecord(self.topic, event(number), b"k") for number in numbers]
        await topics.publish(self.pipeline.broker(), records)

    def ready(self) -> tuple[int, dict]:
        try:
            with urllib.request.urlopen(self.health, timeout=5) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    async def until_ready_says(self, status: int, text: str) -> None:
        async def says() -> bool:
            found, told = await asyncio.to_thread(self.ready)
            return found == status and text in json.dumps(told)

        await until(says, seconds=60)

    def rows(self) -> list[str]:
        found = run_query(self.pipeline.table_store, "SELECT event_id FROM claimx_events")
        return sorted(found.column("event_id").to_pylist())

    async def until_rows(self, count: int) -> None:
        await until(lambda: len(self.rows()) >= count, seconds=60)

    async def overtaken(self) -> None:
        """Let retention delete what is published while the process is frozen."""
        process = self.running.process
        process.send_signal(signal.SIGSTOP)
        await asyncio.sleep(1.5)  # the fetch that waits at the server ends without a record
        await self.publish(*range(100, 109))
        client = AIOKafkaAdminClient(bootstrap_servers=self.url)
        await client.start()
        place = TopicPartition(self.topic, 0)
        await client.delete_records({place: RecordsToDelete(before_offset=10)})
        await client.close()
        await self.publish(200)
        process.send_signal(signal.SIGCONT)


@pytest.fixture
async def started(tmp_path, kafka_url, request):
    made = Started(tmp_path, kafka_url, getattr(request, "param", "stop"))
    await made.start()
    await made.publish(1)
    await made.until_rows(1)
    try:
        yield made
    finally:
        stop_all([made.running])


@pytest.mark.incident("STR-05")
async def test_a_frozen_worker_that_retention_overtook_stops_and_says_what_is_lost(started):
    await started.overtaken()
    await started.until_ready_says(503, "retention deleted 9 records that were never read")
    await started.publish(201)
    assert started.rows() == ["e1"]
    assert await asyncio.to_thread(started.running.stop, signal.SIGTERM, 20) == 1
    assert "9 records" in "\n".join(started.running.lines)


@pytest.mark.incident("STR-05")
@pytest.mark.parametrize("started", ["continue"], indirect=True)
async def test_a_frozen_worker_that_is_to_continue_counts_what_it_has_lost(started):
    await started.overtaken()
    await started.until_rows(2)
    assert started.rows() == ["e1", "e200"]
    await started.until_ready_says(200, "ready")
    url = started.health.replace("/health/ready", "/metrics")
    metrics = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    assert 'claimx_records_overtaken_total{worker="events"} 9.0' in metrics
    assert await asyncio.to_thread(started.running.stop, signal.SIGTERM, 20) == 0
    assert "9 records" in "\n".join(started.running.lines)


@pytest.mark.incident("STR-06")
async def test_a_topic_that_is_deleted_and_made_again_under_a_worker_shows_within_a_minute(started):
    client = AIOKafkaAdminClient(bootstrap_servers=started.url)
    await client.start()
    await client.delete_topics([started.topic])
    await client.close()
    await started.until_ready_says(503, f"topic '{started.topic}' does not exist")
    async with topics.admin_of(started.pipeline.broker()) as admin:
        await admin.create_topics([NewTopic(started.topic, 1)])
    await started.publish(2, 3)
    await started.until_ready_says(503, "'claimx-run offsets adopt events'")
    assert started.rows() == ["e1"]
    from claimx_pipeline import operations

    await operations.adopt_offsets(started.pipeline, "events")
    await started.until_rows(3)
    await started.until_ready_says(200, "ready")
