"""The stage that submits forms, before a receiver and a ClaimX whose answers a test writes."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable, Sequence
from types import SimpleNamespace
from typing import Any

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import Broker, Record
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.stages.protocol import Item
from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.settings import VendorSettings
from itel_cabinet_plugin.submission.stage import SubmitConfig, SubmitStage
from tests.fakes.http_service import Asked, HttpService, Reply, http_service
from tests.fakes.itel_samples import completed
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs import topics

VENDOR = VendorSettings(carrier_id="carrier", subscription_id=Secret("subscription"))
YES = {"success": True, "itel_task_id": "ITEL-1"}


@define(kw_only=True)
class Given:
    """A record as a broker hands it out."""

    value: bytes = b"{}"
    timestamp: int = 0
    topic: str = "itel.cabinet.task.tracking"
    partition: int = 0
    offset: int = 0
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


def wanted(assignment: int = 7001234, *, again: bool = False, **changes: Any) -> Item:
    """Return a record whose completed form is to be submitted."""
    task = {**completed(), "assignmentId": assignment, **changes}
    headers = (("claimx-again", b"yes"),) if again else ()
    return Item(Given(headers=headers), {}, {"form": parse_form(task)})


@define
class Receiver:
    """What iTel and ClaimX answer, and what they were asked."""

    itel: HttpService
    claimx: HttpService
    resources: Any
    clock: VirtualClock
    answer: Callable[[Asked], Reply]
    config: SubmitConfig
    max_retries: int = 0
    _stage: SubmitStage | None = None
    _made: list[tuple[SubmitStage, Connections]] = field(factory=list)

    async def another(self, **config: Any) -> SubmitStage:
        """Return the stage of one more member, which knows nothing but what the topics say."""
        options: dict[str, Any] = {"max_retries": self.max_retries, "backoff_seconds": 0.001}
        options["breaker_failures"] = 1_000_000
        made = Connections(
            {
                "itel_cabinet_api": ConnectionSettings(base_url=self.itel.url, **options),
                "claimx_api": ConnectionSettings(base_url=self.claimx.url, **options),
            },
            SystemClock(),
        )
        stage = SubmitStage(evolve(self.config, **config))
        await stage.open(SimpleNamespace(**{**vars(self.resources), "connections": made}))
        self._made.append((stage, made))
        return stage

    async def restart(self, **config: Any) -> SubmitStage:
        """Let another member take the partitions over."""
        self._stage = await self.another(**config)
        return self._stage

    async def send(self, *items: Item) -> Sequence[Item]:
        """Have the forms of *items* submitted."""
        stage = self._stage or await self.restart()
        await stage.process(items)
        return items

    @property
    def asked(self) -> list[Asked]:
        """Every request to iTel, in their order."""
        return self.itel.asked

    def keys(self) -> list[str]:
        """Return the idempotency key of each request to iTel."""
        return [each.headers["idempotency-key"] for each in self.asked]

    def bodies(self) -> list[bytes]:
        """Return the body of each request to iTel."""
        return [each.body for each in self.asked]

    async def records(self, topic: str) -> list[Record]:
        """Return what is on a topic."""
        broker: Broker = self.resources.broker
        return await topics.records(broker, topic)

    async def reported(self) -> list[dict[str, Any]]:
        """Return what is reported of requests that led to an acceptance."""
        return [json.loads(each.value) for each in await self.records("itel.cabinet.api.attempts")]

    async def close(self) -> None:
        """Close every stage."""
        for stage, connections in self._made:
            await stage.close()
            await connections.close()


@contextlib.asynccontextmanager
async def receiver(resources: Any, **config: Any) -> AsyncIterator[Receiver]:
    """Serve an iTel that says yes, and a ClaimX whose links are signed anew at every request."""
    clock: VirtualClock = resources.clock
    signed = 0

    def itel(asked: Asked) -> Reply:
        return made.answer(asked)

    def links(asked: Asked) -> Reply:
        nonlocal signed
        signed += 1
        ids = asked.query["mediaId"][0].split(",")
        query = f"systemDate={round(clock.now().timestamp() * 1000)}&expires=3600000&sign={signed}"
        files = [
            {"mediaID": int(each), "fullDownloadLink": f"https://files.example.com/{each}?{query}"}
            for each in ids
        ]
        return Reply({"data": files})

    async with http_service(itel) as first, http_service(links) as second:
        made = Receiver(
            first, second, resources, clock, lambda _: Reply(YES), SubmitConfig(**config)
        )
        try:
            yield made
        finally:
            await made.close()


def report(item: Item) -> list[dict[str, Any]]:
    """Return what a record reports of requests that iTel did not accept."""
    return [json.loads(each.value) for each in item.reports if each.topic.endswith("attempts")]
