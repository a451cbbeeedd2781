"""A simulated ClaimX and iTel behind real HTTP, and chains that run against them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from attrs import define, evolve, field, frozen

from claimx_pipeline import builtin as core
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.broker import BrokerSettings
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.simulator.entities import CABINET_TEMPLATE
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.stages.chain import ChainProcessor
from claimx_pipeline.tables import TableSpec
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.topics import Topology
from itel_cabinet_plugin import form, submission, tracking
from itel_cabinet_plugin.settings import SECTION, ItelSettings
from itel_cabinet_plugin.submission import worker
from itel_cabinet_plugin.tables import ATTACHMENTS, FORMS, SUBMISSIONS, TASK_TRACKING
from itel_cabinet_plugin.topics import API_ATTEMPTS
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs.topics import admin_of
from tests.rigs.topics import records as topic_records

TABLES = (TASK_TRACKING, FORMS, ATTACHMENTS, SUBMISSIONS)


@frozen
class Given:
    """A record as a broker hands it out."""

    value: bytes
    timestamp: int = 0
    topic: str = "itel.cabinet.task.tracking"
    partition: int = 0
    offset: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


TOPOLOGY = Topology.of([worker.WORKER.topics()], BrokerSettings())

STAGES = {
    name: stage
    for registering in (core, form, tracking, submission)
    for name, stage in registering.claimx_register_stages().items()
}
"""Every stage that is registered."""


@define
class Outside:
    """The simulator, and what a worker may use to reach it."""

    server: SimulatorServer
    settings: Settings
    broker: SqliteBroker
    clock: VirtualClock = field(factory=VirtualClock)
    tables: list[TableSpec] = field(factory=list)
    """In place of the plugin's own of these names."""
    connections: Connections = field(init=False)
    metrics: Metrics = field(factory=Metrics, init=False)

    def __attrs_post_init__(self) -> None:
        self.connections = Connections(self.settings.connections, SystemClock())

    @property
    def resources(self) -> Any:
        return SimpleNamespace(
            settings=self.settings,
            clock=self.clock,
            connections=self.connections,
            broker=self.broker,
            topology=TOPOLOGY,
            metrics=self.metrics,
            redactor=Redactor(),
            tables={table.name: table for table in (*TABLES, *self.tables)},
        )

    async def attempts(self) -> list[Record]:
        """Return what is reported of requests that led to an acceptance: published at once."""
        return await topic_records(self.broker, API_ATTEMPTS.name)

    async def run(self, build: Any, *messages: Any, headers: Any = ()) -> list[Any]:
        """Pass *messages* through a new chain of *build*, as after a restart."""
        chain: ChainProcessor = evolve(build, registered=STAGES)(self.resources)
        await chain.open()
        try:
            records = [Given(msgspec.json.encode(message), headers=headers) for message in messages]
            batch = [Received(record, chain.decode(record)) for record in records]
            return list(await chain.process(batch))
        finally:
            await chain.close()


@pytest.fixture
async def outside(tmp_path: Path) -> AsyncIterator[Outside]:
    """A world in which 200 events have happened."""
    world = World(seed=7)
    world.set_clock(world.end(200))
    broker = SqliteBroker(f"sqlite:///{tmp_path}/broker.db", BrokerSettings())
    async with SimulatorServer(world) as server, admin_of(broker) as admin:
        await admin.create_topics(TOPOLOGY.new_topics())
        usual = {"backoff_seconds": 0.01, "max_retries": 1}
        settings = Settings(
            connections={
                "claimx_api": ConnectionSettings(
                    base_url=server.api_url,
                    auth_type="basic",
                    auth_token=Secret("demo-token"),
                    **usual,
                ),
                "itel_cabinet_api": ConnectionSettings(
                    base_url=server.itel_url,
                    auth_type="bearer",
                    auth_token=Secret("demo-itel-token"),
                    **usual,
                ),
            },
            sections={SECTION: ItelSettings()},
        )
        outside = Outside(server, settings, broker)
        try:
            yield outside
        finally:
            await outside.connections.close()


def cabinet_task(world: World, *, completed: bool) -> Any:
    """Return a cabinet task of *world* that is completed by now, or not yet."""
    return next(
        task
        for event in world.events(200)
        if event.assignment_id is not None
        and (task := world.task(event.assignment_id)) is not None
        and task.template_id == CABINET_TEMPLATE
        and (task.completion(world.now) is not None) is completed
    )


@pytest.fixture
def message(outside: Outside) -> Any:
    """Return a function that makes the trigger's message about a task of the world."""

    def make(*, completed: bool = True, **changes: Any) -> dict[str, Any]:
        task = cabinet_task(outside.server.world, completed=completed)
        return {
            "trigger_name": "iTel cabinet repair",
            "event_id": "evt-1",
            "event_type": "CUSTOM_TASK_COMPLETED" if completed else "CUSTOM_TASK_ASSIGNED",
            "project_id": "8800456",
            "task_id": 32513,
            "assignment_id": task.assignment_id,
            "task_name": "ITEL Cabinet Repair Form",
            "task_status": "COMPLETED" if completed else "ASSIGNED",
            "timestamp": "2026-01-12T16:48:10.5+00:00",
            "task": {"assignment_id": task.assignment_id},
            "project": {"project_id": "8800456"},
            **changes,
        }

    return make
