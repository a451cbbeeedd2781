"""A stage for single records, and one for whole batches that asks a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, assert_type

from attrs import frozen

from claimx_pipeline import RecordError, Resources, failure, hookimpl
from claimx_pipeline.connections import Answer, Connection, RequestFailedError
from claimx_pipeline.stages import Item, RecordStage, Stage, read_field


@frozen(kw_only=True)
class JudgeConfig:
    urgent: tuple[str, ...] = ("FL",)


class JudgeStage(RecordStage):
    config_class: ClassVar[type[Any]] = JudgeConfig

    def __init__(self, config: JudgeConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        if not item.data.get("project_id"):
            raise RecordError("the note has no 'project_id'")
        state = read_field(item.data, "address.state")
        item.data["urgent"] = state in self.config.urgent


@frozen(kw_only=True)
class PriceConfig:
    connection: str


class PriceStage:
    config_class: ClassVar[type[Any]] = PriceConfig

    def __init__(self, config: PriceConfig) -> None:
        self.config = config

    async def open(self, resources: Resources) -> None:
        self.prices = resources.connections.get(self.config.connection)
        assert_type(self.prices, Connection)

    async def process(self, items: Sequence[Item]) -> None:
        for item in items:
            try:
                answer = await self.prices.request("GET", "/price", params={"id": item.data["id"]})
            except RequestFailedError as error:
                item.outcome = failure(error)
                continue
            assert_type(answer, Answer)
            assert_type(answer.status, int)
            assert_type(answer.body, bytes)
            item.data["price"] = answer.json()

    async def close(self) -> None:
        pass


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    return {"acme_judge": JudgeStage, "acme_price": PriceStage}
