"""An append table holds each record's row once, whatever is killed and whoever overlaps."""

import random
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from attrs import define, field

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import NewTopic
from tests.faults import append_worker
from tests.faults.append_worker import PARTITIONS
from tests.faults.form import FORM
from tests.rigs import processes

PATIENCE_SECONDS = 300.0
TOTAL = 175 * FORM.owners
"""Records in each partition: so many that the owners overlap."""
ALL_ONCE = {"rows": TOTAL * PARTITIONS, "doubled": 0, "lost": 0}


@define
class Workers:
    """The processes of a test, all on one topic and one table."""

    folder: Path
    url: str
    total: int
    """Records in each partition."""
    started: list[subprocess.Popen[str]] = field(factory=list)

    def start(self, kind: str, seed: int) -> subprocess.Popen[str]:
        command = processes.command(append_worker, kind, str(self.folder), self.url)
        process = subprocess.Popen(
            [*command, str(seed), str(self.total)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=processes.importing(),
        )
        self.started.append(process)
        return process

    def count(self) -> dict[str, int]:
        return append_worker.count(self.folder, self.total)

    def end(self) -> None:
        """End what a failed test may have left."""
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture
async def workers(tmp_path: Path) -> AsyncIterator[Workers]:
    found = Workers(tmp_path, f"sqlite:///{tmp_path}/broker.db", TOTAL)
    await prepared(found)
    yield found
    found.end()


@pytest.fixture
async def kafka_workers(tmp_path: Path, kafka_url: str) -> AsyncIterator[Workers]:
    found = Workers(tmp_path, kafka_url, TOTAL)
    await prepared(found)
    yield found
    found.end()


async def prepared(workers: Workers) -> None:
    """Make the table, and a topic with records."""
    topic, folder = f"once.{uuid.uuid4().hex}", workers.folder
    (folder / "topic").write_text(topic)
    (folder / "claimx.yaml").write_text("broker: {kafka: {session_timeout_seconds: 6}}\n")
    append_worker.store_of(folder).create("rows")
    overrides = {"broker.url": workers.url}
    broker = Pipeline.load(environ={}, cwd=folder, overrides=overrides).broker()
    admin, producer = broker.admin(), broker.producer()
    await admin.create_topics([NewTopic(topic, PARTITIONS)])
    await producer.start()
    numbers = range(workers.total * PARTITIONS)
    await producer.publish([OutRecord(topic, b"%d" % n, bucket=n % PARTITIONS) for n in numbers])
    await producer.close()
    await admin.close()


def killed_until_done(workers: Workers, seed: int, most_kills: int) -> int:
    """Start a worker and kill it at any moment, again and again; return how often."""
    rnd = random.Random(seed)
    for kills in range(most_kills):
        rows = workers.count()["rows"]
        process = workers.start("member", seed + kills)
        end = time.monotonic() + PATIENCE_SECONDS
        # It has begun to write; what it does in the next moments is cut off anywhere.
        while process.poll() is None and time.monotonic() < end:
            if workers.count()["rows"] > rows:
                break
            time.sleep(0.01)
        time.sleep(rnd.random() * 0.3)
        if process.poll() is not None:
            return kills
        process.kill()
        process.communicate()
    process = workers.start("member", 999)
    _, told = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 0, told
    return most_kills


def report(what: str, found: dict[str, int], **more: int) -> None:
    told = {**more, **found}
    sys.stdout.write(f"{what}: {', '.join(f'{name} {value}' for name, value in told.items())}\n")


@pytest.mark.incident("OFF-02")
@pytest.mark.parametrize("seed", [1, 2])
async def test_killed_at_any_moment_a_writer_loses_and_doubles_nothing(workers, seed):
    kills = killed_until_done(workers, seed, most_kills=4)
    found = workers.count()
    report("kill -9", found, kills=kills)
    assert kills
    assert found == ALL_ONCE


@pytest.mark.kafka
@pytest.mark.incident("OFF-02")
async def test_killed_on_kafka_a_writer_loses_and_doubles_nothing(kafka_workers):
    kills = killed_until_done(kafka_workers, 3, most_kills=2)
    found = kafka_workers.count()
    report("kill -9 on Kafka", found, kills=kills)
    assert found == ALL_ONCE


@pytest.mark.incident("OFF-04")
@pytest.mark.parametrize("trial", range(FORM.zombie_trials))
async def test_owners_that_are_never_told_lose_and_double_nothing(workers, trial):
    """Every moment another owner of both partitions starts, while the older ones go on."""
    owners = []
    for number in range(FORM.owners):
        owners.append(workers.start("zombie", 100 * trial + number))
        time.sleep(0.7)
    told = [owner.communicate(timeout=PATIENCE_SECONDS) for owner in owners]
    assert [owner.returncode for owner in owners] == [0] * len(owners), told
    last = workers.start("zombie", 999)
    last.communicate(timeout=PATIENCE_SECONDS)
    found = workers.count()
    fenced = sum(int(out.split()[-1]) for out, _ in told)
    report("owners never told", found, owners=len(owners), fenced=fenced)
    assert found == ALL_ONCE
    assert fenced
