"""Processes join and die: every partition finds an owner, every record is handled."""

from __future__ import annotations

import subprocess
import threading
import uuid

import pytest
from attrs import define, field

from claimx_pipeline.broker.protocol import NewTopic, OutRecord
from tests.rigs import member_process, processes
from tests.rigs.until import until

PARTITIONS, RECORDS = 12, 600
PATIENCE_SECONDS = 60.0


@define
class Member:
    """A process, and what it has said."""

    process: subprocess.Popen[str]
    owned: int = 0
    said: list[str] = field(factory=list)

    @classmethod
    def start(cls, *arguments: str) -> Member:
        process = subprocess.Popen(
            processes.command(member_process, *arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=processes.importing(),
        )
        member = cls(process)
        threading.Thread(target=member._listen, daemon=True).start()
        return member

    def _listen(self) -> None:
        for line in self.process.stdout or ():
            first, _, number = line.strip().partition(" ")
            if first == "owns":
                self.owned = int(number)
            else:
                self.said.append(first)

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            pipe.close()


@pytest.mark.incident("REB-01")
@pytest.mark.parametrize("kind", ["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def test_members_that_start_at_once_and_die_leave_nothing_undone(request, tmp_path, kind):
    """Four start together, two are killed, three more come."""
    url = (
        f"sqlite:///{tmp_path}/broker.db"
        if kind == "sqlite"
        else request.getfixturevalue("kafka_url")
    )
    broker, topic = member_process.broker_at(url), f"test.{uuid.uuid4().hex}"
    admin, producer = broker.admin(), broker.producer()
    await admin.create_topics([NewTopic(topic, PARTITIONS)])
    await producer.start()

    async def publish(first: int, last: int) -> None:
        await producer.publish(
            [OutRecord(topic, b"%d" % n, bucket=n % PARTITIONS) for n in range(first, last)]
        )

    members = [Member.start(url, topic, "g") for _ in range(4)]
    try:
        await until(
            lambda: [member.owned for member in members] == [3, 3, 3, 3], seconds=PATIENCE_SECONDS
        )
        await publish(0, 300)
        await until(
            lambda: sum(len(member.said) for member in members) >= 100, seconds=PATIENCE_SECONDS
        )
        for member in members[:2]:
            member.process.kill()
        members += [Member.start(url, topic, "g") for _ in range(3)]
        await publish(300, RECORDS)
        alive = members[2:]
        await until(
            lambda: sum(member.owned for member in alive) == PARTITIONS, seconds=PATIENCE_SECONDS
        )
        await until(lambda: all(member.owned for member in alive), seconds=PATIENCE_SECONDS)
        await until(
            lambda: {int(n) for member in members for n in member.said} == set(range(RECORDS))
        )
    finally:
        for member in members:
            member.end()
        await producer.close()
        await admin.close()
