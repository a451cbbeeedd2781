"""The vendor with its habits on, and workers that are killed: each form is there exactly once.

``nox -s faults`` takes 200 forms, the ordinary tests a few; both print what the run found.
"""

import asyncio
import os
import random
import signal
from collections import Counter
from pathlib import Path

import pytest

from claimx_pipeline.runtime.idle import wait_until_idle
from claimx_pipeline.simulator.vendor import VendorState
from claimx_pipeline.simulator.vendor_api import SCOPE
from claimx_pipeline.simulator.world import World
from tests.rigs.command import Running, stop_all
from tests.rigs.itel import cabinet_events, itel_rig, publish, status_message
from tests.rigs.whole_pipeline import SETTINGS, WholePipeline

pytestmark = pytest.mark.plugin

FORMS = 200 if "FAULTS" in os.environ else 15
SEED = 11
WORKERS = ("itel-api", "itel-results", "retry")
KILLED_AT = (0.3, 0.7)
"""Shares of the forms at the vendor after which the workers are killed."""
DISCONNECTED = 3
"""Every third new form is answered with 201 and a connection that ends."""
PATIENCE_SECONDS = 90 + FORMS

VENDOR = f"""\
itel_vendor:
    base_url: {{simulator}}/vendor
    auth_type: oauth2
    oauth2:
      client_id: me
      client_secret: {VendorState().client_secret}
      token_url: "{{simulator}}/vendor/token"
      scope: {SCOPE}
    keep_alive: false
    max_retries: 1
    backoff_seconds: 0.05
    breaker_open_seconds: 1
"""
ITEL = """\
itel_cabinet:
  payload: vendor-2026
  vendor:
    carrier_id: carrier
    subscription_id: demo-subscription
    connection: itel_vendor
    endpoint: /cabinet-repair-orv
    fractions: round_up
"""


def enough_events() -> int:
    """Return how many events must happen for ``FORMS`` forms to be completed."""
    happened = 100
    while len(World(SEED).expected_submissions(happened)) < FORMS:
        happened += 50
    return happened


def shuffled(rig: WholePipeline, happened: int) -> list[dict]:
    """Return the messages in random order, a fifth of them twice."""
    messages = [status_message(event) for event in cabinet_events(rig.world, happened)]
    chance = random.Random(SEED)
    published = messages + chance.sample(messages, len(messages) // 5)
    chance.shuffle(published)
    return published


async def killed_twice(rig: WholePipeline, folder: Path, forms: int) -> None:
    """Run the workers, kill them twice amid their work, let them finish."""
    running = Running.start("worker", *WORKERS, cwd=folder)
    try:
        for share in KILLED_AT:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(rig.simulator.vendor.submissions) < share * forms:
                    assert running.process.poll() is None, running.lines[-5:]
                    await asyncio.sleep(0.005)
            running.process.send_signal(signal.SIGKILL)
            stop_all([running])
            running = Running.start("worker", *WORKERS, cwd=folder)
        await idle(rig, running)
        assert await asyncio.to_thread(running.stop) == 0, running.lines[-5:]
    finally:
        stop_all([running])


async def idle(rig: WholePipeline, running: Running) -> None:
    """Wait until nothing is left to do; a process that has ended by itself is a failure."""
    admin = rig.pipeline.broker().admin()
    workers = rig.pipeline.select(WORKERS)
    waiting = asyncio.create_task(
        wait_until_idle(admin, rig.pipeline.topology, workers, rig.pipeline.clock)
    )
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not waiting.done():
            assert running.process.poll() is None, running.lines[-5:]
            await asyncio.sleep(0.1)
    await waiting
    await admin.close()


@pytest.mark.incident("STR-25")
async def test_each_form_is_at_the_vendor_exactly_once(tmp_path):
    happened = enough_events()
    async with itel_rig(
        tmp_path,
        seed=SEED,
        connections=VENDOR,
        settings=SETTINGS + ITEL,
        workers=WORKERS,
        delays=(0.2, 0.3, 0.4, 0.5),
    ) as rig:
        vendor = rig.simulator.vendor
        vendor.disconnect_every = DISCONNECTED
        messages = shuffled(rig, happened)
        forms = rig.world.expected_submissions(happened)
        await publish(rig, messages)
        await killed_twice(rig, tmp_path, len(forms))
        assert await rig.dead() == {}
        there = Counter(
            int(taken.body["integration_test_id"].partition("-")[0])
            for taken in vendor.submissions.accepted
        )
        print(
            f"{len(forms)} forms, {len(vendor.submissions)} at the vendor, {vendor.cut} answers "
            f"cut off, {vendor.submissions.repeats} repeats, {len(KILLED_AT)} kills"
        )
        assert there == Counter(assignment for assignment, _ in forms)
        assert vendor.refused == 0
        assert vendor.submissions.repeats >= vendor.cut > 0
        assert_answered_for(rig, forms)


def assert_answered_for(rig: WholePipeline, forms: set[tuple[int, str]]) -> None:
    """Each form has a row that says that it was accepted, and by which rule if not by a 2xx."""
    rows = rig.rows(
        "SELECT idempotency_key, outcome, status_code, accepted_by FROM itel_cabinet_submissions"
    )
    accepted = [row for row in rows if row["outcome"] == "accepted"]
    keys = {f"itel/{assignment}/{response}" for assignment, response in forms}
    assert {row["idempotency_key"] for row in accepted} == keys
    by_rule = [row for row in accepted if row["status_code"] == 400]
    assert by_rule
    assert all("already exists" in row["accepted_by"] for row in by_rule)
    assert all(row["accepted_by"] is None for row in accepted if row not in by_rule)
