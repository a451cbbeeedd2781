"""Runs a whole pipeline once under the faults of a plan, and judges what came of it."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import signal
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from aiokafka.admin import AIOKafkaAdminClient
from attrs import define, field

from claimx_pipeline import OutRecord
from claimx_pipeline.errors import BrokerUnavailableError
from claimx_pipeline.runtime.idle import progress
from tests.faults.attacked_pipeline import (
    API_SECONDS,
    PATIENCE_SECONDS,
    SESSION_SECONDS,
    Expected,
    attacked,
)
from tests.faults.crew import Crew, now
from tests.faults.evidence import Evidence, judge_evidence, without_address
from tests.faults.judgement import (
    Letters,
    Submissions,
    judge_submissions,
    letters_expected,
    letters_in,
    table_differences,
)
from tests.faults.nursery import Nursery
from tests.faults.plan import CLEARED_AFTER_SECONDS, EVENTS, FaultPlan, Refused
from tests.faults.second import Second, in_processes
from tests.rigs.kafka_server import KafkaServer
from tests.rigs.second_domain import NAME
from tests.rigs.whole_pipeline import WholePipeline

FILE_WORKERS = ("download", "upload", f"{NAME}-download", f"{NAME}-upload")
MET_WITHIN_SECONDS = 20.0
"""So long may workers take to start and meet a fault."""


@define
class Result:
    """What one run was like and what it did wrong."""

    plan: FaultPlan
    broker: str
    done: Counter[str] = field(factory=Counter)
    differences: Mapping[str, Counter[str]] = field(factory=dict)
    letters: Letters = field(factory=Counter)
    letters_wanted: set[tuple[str, str]] = field(factory=set)
    submissions: Submissions = field(factory=Submissions)
    evidence: Evidence = field(factory=Evidence)
    second: list[str] = field(factory=list)
    """What is wrong of the second domain's, or lies at the other's."""

    @property
    def rows(self) -> Counter[str]:
        """How many rows of all tables are lost, doubled, wrong."""
        return sum(self.differences.values(), Counter())

    @property
    def wrong_letters(self) -> set[tuple[str, str]]:
        """Dead letters that should not be, or should and are not."""
        return self.letters.keys() ^ self.letters_wanted

    def line(self) -> str:
        """Return all in one line."""
        rows, done, sent, left = self.rows, self.done, self.submissions, self.evidence
        again = self.letters.total() - len(self.letters)
        happened = ", ".join(
            f"{name} {done[name]}"
            for name in ("kills", "zombies", "restarts", "rebalances", "faults")
        )
        return (
            f"seed {self.plan.seed} ({self.broker}, world {self.plan.world}): "
            f"lost {rows['lost']}, doubled {rows['doubled']}, wrong {rows['wrong']}, "
            f"dead {len(self.letters)} of {len(self.letters_wanted)} (told again {again}); "
            f"{happened}; "
            f"submissions: keys {sent.keys}, "
            f"repeats by kill {sent.by_loss}, without a row {left.untold}, wrong {len(sent.wrong)}; "
            f"files {left.files}, left in the cache {left.left}; "
            f"webhooks {left.calls}, answered again {left.calls_again}, wrong {len(left.wrong)}"
        )


@define
class FaultRun:
    """One run under attack."""

    plan: FaultPlan
    whole: WholePipeline
    crew: Crew
    kafka: KafkaServer | None
    chance: Random
    processes: int
    """That every worker is spread over, of each of those apart."""
    second: Second | None = None
    poison: list[tuple[str, bytes]] = field(factory=list)
    _under_way: list[asyncio.Task[None]] = field(factory=list)

    async def go(self) -> None:
        """Publish the events portion by portion with a disturbance in each, until all is idle."""
        faults = self.whole.simulator.faults
        self.whole.world.set_clock(self.whole.world.end(EVENTS))
        self.crew.start_all(self.processes)
        portions = self._portions()
        faulty = self.chance.randrange(len(self.plan.steps) // 2)
        for number, step in enumerate(self.plan.steps):
            if number == faulty:
                numbers = [faults.add(fault) for fault in self.plan.faults]
                self._under_way.append(asyncio.create_task(self._clear(numbers)))
            await publish(self.whole, portions[number])
            await asyncio.sleep(self.chance.uniform(0.05, 0.9))
            await self._do(step)
            self.crew.check()
        await asyncio.gather(*self._under_way)
        await idle(self.whole, self.crew)
        await self.crew.stop()
        self.crew.done["faults"] = faults.met.total()

    async def _do(self, step: str) -> None:
        match step:
            case "kill":
                await self.crew.kill()
            case "join":
                await self.crew.join()
            case "leave":
                await self.crew.leave()
            case "freeze":
                # Others go on meanwhile, and are killed meanwhile.
                seconds = SESSION_SECONDS * self.chance.uniform(1.3, 2)
                self._under_way.append(asyncio.create_task(self.crew.freeze(seconds)))
                await asyncio.sleep(0)
            case "restart":
                await self._restart(self.kafka)

    async def _restart(self, kafka: KafkaServer) -> None:
        begun = now()
        await asyncio.to_thread(kafka.end, signal.Signals[self.plan.restart])
        await asyncio.sleep(self.chance.uniform(0, 2))
        kafka.launch()
        await asyncio.to_thread(kafka.wait)
        self.crew.outages.append((begun, now()))
        self.crew.done["restarts"] += 1

    async def _clear(self, numbers: list[int]) -> None:
        """Lift the faults some time after the first was met; workers may still be starting."""
        faults = self.whole.simulator.faults
        before = faults.met.total()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(MET_WITHIN_SECONDS):
                while faults.met.total() <= before + len(Refused.of(self.whole.world).faults()):
                    await asyncio.sleep(0.05)
        await asyncio.sleep(CLEARED_AFTER_SECONDS)
        for number in numbers:
            self.whole.simulator.faults.remove(number)

    def _portions(self) -> list[list[OutRecord]]:
        """Return all records of the run, one portion for each step."""
        physical = self.whole.pipeline.topology.physical
        raw = physical("claimx.events.raw")
        events = self.whole.world.events(EVENTS)
        places = list(range(EVENTS))
        for number in self.plan.duplicates:
            places.insert(self.chance.randrange(places.index(number) + 1, len(places) + 1), number)
        records = [
            OutRecord(raw, json.dumps(events[n].value).encode(), str(events[n].project_id).encode())
            for n in places
        ]
        if self.second is not None:
            for record in self.second.records(self.whole.pipeline, self.chance):
                records.insert(self.chance.randrange(len(records)), record)
        for topic in sorted(self._poisonable()):
            for number in range(self.plan.poison):
                value = f'{{"poison {number} of": "{topic}"'.encode()
                self.poison.append((topic, value))
                records.insert(
                    self.chance.randrange(len(records)), OutRecord(physical(topic), value, b"p")
                )
        steps = len(self.plan.steps)
        borders = [len(records) * number // steps for number in range(steps + 1)]
        return [records[a:b] for a, b in itertools.pairwise(borders)]

    def _poisonable(self) -> list[str]:
        """Return the topics of which every reader can give a record up."""
        pipeline = self.whole.pipeline
        letters = {
            each.dead_letters.name for each in pipeline.workers.values() if each.dead_letters
        }
        return [
            topic
            for topic, readers in pipeline.topology.readers.items()
            if topic not in letters
            and all(
                # One with an intake of its own notes there how far it is.
                pipeline.workers[reader].dead_letters and pipeline.workers[reader].intake is None
                for reader in readers
            )
        ]


async def publish(whole: WholePipeline, records: Sequence[OutRecord]) -> None:
    """Publish, again and again while the broker does not answer."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            producer = whole.pipeline.broker().producer()
            try:
                await producer.start()
                await producer.publish(records)
            except BrokerUnavailableError:
                await asyncio.sleep(0.2)
            else:
                return
            finally:
                await producer.close()


async def idle(whole: WholePipeline, crew: Crew, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until nothing is left to do; a process that ends by itself is a failure."""
    pipeline = whole.pipeline
    workers = list(pipeline.workers.values())
    admin = pipeline.broker().admin()
    before = None
    try:
        async with asyncio.timeout(seconds):
            while True:
                crew.check()
                try:
                    found = await progress(admin, pipeline.topology, workers)
                except BrokerUnavailableError:
                    continue
                if found.idle() and before is not None and before == found:
                    return
                before = found
                await asyncio.sleep(0.2)
    except TimeoutError:
        told = [f"{m.workers}: {m.child.told(5)}" for m in crew.members]
        raise AssertionError("\n".join([f"not idle: {before}", *told])) from None
    finally:
        await admin.close()


async def disturbed(
    folder: Path,
    plan: FaultPlan,
    expected: Expected,
    nursery: Nursery,
    kafka: KafkaServer | None,
    second: Second | None = None,
    *,
    apart: bool = False,
) -> Result:
    """Run the pipeline as *plan* says, on Kafka if there is one; return what came of it.

    Args:
        folder: Where all of it lies.
        plan: What goes wrong.
        expected: What must come of it.
        nursery: Starts the processes.
        kafka: The broker; the embedded one if not given.
        second: The second domain, if there is to be one: in the same process, which others join.
        apart: It has a process of its own.
    """
    chance = Random(f"run {plan.seed}")
    place = {"url": kafka.url, "prefix": f"f{uuid.uuid4().hex[:8]}."} if kafka else {}
    async with attacked(folder, plan.world, second=second, **place) as whole:
        refused = Refused.of(whole.world)
        groups = in_processes(whole.pipeline) if apart else ()
        crew = Crew(nursery, folder, list(whole.pipeline.workers), chance, groups)
        processes = 1 if second else chance.randint(2, 4)
        run = FaultRun(plan, whole, crew, kafka, chance, processes, second)
        try:
            await run.go()
        finally:
            crew.end()
        hosts = [second.host.url] if second else []
        result = Result(
            plan,
            "Kafka" if kafka else "SQLite",
            crew.done,
            table_differences(
                expected.tables, without_address(whole, await whole.contents(), *hosts)
            ),
            await letters_in(whole),
            letters_expected(whole, refused, run.poison)
            | (set(second.letters(whole)) if second else set()),
            await judge_submissions(
                whole, refused.assignment, crew.lost("itel-api"), 0.7 * API_SECONDS
            ),
            await judge_evidence(
                whole,
                expected.calls,
                [loss for each in FILE_WORKERS for loss in crew.lost(each) if loss.survived],
                crew.lost("itel-api"),
            ),
        )
        result.second = await second.wrong(whole) if second else []
    if kafka:
        await delete_topics(kafka, place["prefix"])
    return result


def assert_unharmed(result: Result) -> None:
    """Print what a run was like; fail if anything is lost, doubled or wrong."""
    print(result.line())
    assert result.differences == {}
    assert result.wrong_letters == set()
    assert result.submissions.wrong == []
    assert result.evidence.wrong == []
    assert result.second == []


async def delete_topics(kafka: KafkaServer, prefix: str) -> None:
    """Delete the topics of a run that is over, so that the next restart is as quick as the first."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka.url.removeprefix("kafka://"))
    await client.start()
    await client.delete_topics(
        [name for name in await client.list_topics() if name.startswith(prefix)]
    )
    await client.close()
