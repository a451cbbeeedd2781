"""All that strangers send, mixed at random into good events while workers are killed."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections import Counter
from pathlib import Path
from random import Random

from attrs import define, field

from claimx_pipeline import OutRecord
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.simulator.entities import WorldEvent
from claimx_pipeline.simulator.world import World
from tests.fakes.odd_simulator import OddSimulator
from tests.faults.attacked_pipeline import SETTINGS, attacked
from tests.faults.crew import Crew
from tests.faults.nursery import Nursery
from tests.faults.run import delete_topics, idle, publish
from tests.faults.strangers.form import SoakForm
from tests.faults.strangers.judge import RAW, Verdict, judge
from tests.faults.strangers.producer import OddProducer
from tests.faults.strangers.records import Stranger, odd_record
from tests.faults.strangers.watch import Watch
from tests.rigs.kafka_server import KafkaServer
from tests.rigs.whole_pipeline import WholePipeline

STEP_SECONDS = 1.0
LINE_SECONDS = 60.0
RANGE_BYTES = 1500
"""Files have some thousand bytes: most are fetched by ranges."""


@define
class Soak:
    """One run."""

    form: SoakForm
    whole: WholePipeline
    simulator: OddSimulator
    crew: Crew
    watch: Watch
    kafka: KafkaServer | None
    chance: Random
    """Of what is published alone, so that it is the same whatever happens meanwhile."""
    good: set[str] = field(factory=set)
    strangers: list[Stranger] = field(factory=list)
    uncommitted: set[str] = field(factory=set)
    _begun: float = field(factory=time.monotonic)

    async def go(self) -> None:
        """Publish everything, wait until it is dealt with, and stop the workers."""
        form, crew = self.form, self.crew
        events = self.whole.world.events(form.events)
        self.whole.world.set_clock(self.whole.world.end(form.events))
        crew.start_all(len(crew.workers))
        watching = asyncio.create_task(self.watch.go())
        killing = asyncio.create_task(self._kill())
        try:
            await self._publish(events)
        finally:
            killing.cancel()
            # A kill under way is finished first, its worker started again.
            await asyncio.wait([killing])
        self.simulator.odd.rate, self.simulator.odd.only_pages = 0.0, False
        if not killing.cancelled():
            killing.result()
        await idle(self.whole, crew, form.idle_seconds)
        self.watch.sample()
        watching.cancel()
        await asyncio.wait([watching])
        await crew.stop()

    async def _publish(self, events: list[WorldEvent]) -> None:
        self.simulator.odd.rate = self.form.odd_answers
        steps = max(1, round(self.form.seconds / STEP_SECONDS))
        line_at = LINE_SECONDS
        async with OddProducer.at(self.whole, self.kafka) as odd:
            for step in range(steps):
                part = events[len(events) * step // steps : len(events) * (step + 1) // steps]
                await self._portion(part, odd)
                third = self.form.seconds / 3
                within = step * STEP_SECONDS % third
                self.simulator.odd.only_pages = within >= third - self.form.page_seconds
                self.crew.check()
                if self._elapsed() >= line_at:
                    self._say()
                    line_at += LINE_SECONDS
                await asyncio.sleep(max(0.0, (step + 1) * STEP_SECONDS - self._elapsed()))

    async def _portion(self, events: list[WorldEvent], odd: OddProducer) -> None:
        """Publish some good events, one in ten twice, and odd records between them."""
        raw = self.whole.pipeline.topology.physical(RAW)
        records, timed = [], []
        for event in events:
            value, key = json.dumps(event.value).encode(), str(event.project_id).encode()
            self.good.add(decode_event(value, 0).event_id)
            records += [OutRecord(raw, value, key)] * (2 if self.chance.random() < 0.1 else 1)
            if self.chance.random() >= self.form.odd_share:
                continue
            number = len(self.strangers)
            stranger = odd_record(
                event.value, number, raw, self.chance, timed=self.kafka is not None
            )
            self.strangers.append(stranger)
            if stranger.timestamp_ms is None:
                records.insert(self.chance.randrange(len(records)), stranger.record)
            else:
                timed.append(stranger)
        if records:
            await publish(self.whole, records)
        await odd.publish(timed)
        if events and self.chance.random() < 0.2:
            self.uncommitted |= await odd.abort(raw, events[0].value, len(self.strangers))

    async def _kill(self) -> None:
        """Kill workers of one half, later of the other: each lives long enough to be measured."""
        halves = [list(self.crew.workers)[0::2], list(self.crew.workers)[1::2]]
        while True:
            await asyncio.sleep(self.form.kill_seconds * self.crew.chance.uniform(0.5, 1.5))
            later = self._elapsed() > self.form.seconds / 2
            await asyncio.shield(self.crew.kill(spared=halves[0 if later else 1]))

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def _say(self) -> None:
        most = max(self.watch.now().items(), key=lambda each: each[1])
        print(
            f"{self._elapsed() / 60:.0f} min: {len(self.good)} good, {len(self.strangers)} odd, "
            f"{self.crew.done['kills']} kills, {self.simulator.odd.met.total()} odd answers, "
            f"largest {most[0]} {most[1]:.0f} MB",
            flush=True,
        )


async def soaked(
    folder: Path, form: SoakForm, seed: int, nursery: Nursery, kafka: KafkaServer | None
) -> Verdict:
    """Run a soak, on Kafka if there is one; print what it was like and return what it came to."""
    servers: list[OddSimulator] = []

    def server(world: World) -> OddSimulator:
        servers.append(OddSimulator(world, seed))
        return servers[-1]

    place = {"url": kafka.url, "prefix": f"s{uuid.uuid4().hex[:8]}."} if kafka else {}
    ranges = f"range_threshold_bytes: {RANGE_BYTES}\n  range_bytes: {RANGE_BYTES}"
    settings = SETTINGS.replace("RANGES", ranges).replace("LINGER", str(form.linger_seconds))
    async with attacked(folder, seed, settings=settings, server=server, **place) as whole:
        chance = Random(f"soak {seed}")
        crew = Crew(nursery, folder, list(whole.pipeline.workers), Random(f"crew {seed}"))
        soak = Soak(form, whole, servers[0], crew, Watch(crew), kafka, chance)
        try:
            await soak.go()
        finally:
            crew.end()
        logs = [member.child.log for member in crew.past]
        verdict = await judge(whole, soak.good, soak.strangers, soak.uncommitted, logs)
    verdict.wrong += soak.watch.wrong()
    summarize(soak, seed, verdict)
    if kafka:
        await delete_topics(kafka, place["prefix"])
    return verdict


def summarize(soak: Soak, seed: int, verdict: Verdict) -> None:
    """Print everything that was done and found."""
    kinds = Counter(each.kind for each in soak.strangers)
    broker = "Kafka" if soak.kafka else "SQLite"
    print(
        f"\nsoak of {soak.form.seconds:.0f} s, seed {seed} ({broker}): {len(soak.good)} good events, "
        f"{len(soak.strangers)} odd records ({verdict.bad} of them bad), "
        f"{len(soak.uncommitted)} in aborted transactions; {soak.crew.done['kills']} kills"
    )
    print(f"odd records: {dict(kinds.most_common())}")
    print(f"odd answers: {dict(soak.simulator.odd.met.most_common())}")
    print(
        f"events stored {verdict.stored}, outcomes {dict(verdict.outcomes)}, files {verdict.files}"
    )
    print(f"dead letters: {dict(verdict.letters.most_common())}")
    print(f"tracebacks in logs that dead letters have too: {verdict.tracebacks}")
    print("\n".join(soak.watch.lines()))
    print("\n".join(f"WRONG: {each}" for each in verdict.wrong) or "nothing wrong", flush=True)
