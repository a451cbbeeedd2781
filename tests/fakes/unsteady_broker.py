"""A real broker of which a test holds back or refuses single answers."""

import asyncio
from collections.abc import Callable, Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import Broker, OutRecord, Producer
from claimx_pipeline.errors import BrokerUnavailableError


@define
class UnsteadyBroker:
    """Everything but publishing is the real broker's."""

    real: Broker
    held: Callable[[OutRecord], bool] = lambda _: False
    """Whether the answer to a publish with this record never comes."""
    refused: Callable[[OutRecord], bool] = lambda _: False
    """Whether a publish with this record fails."""
    holding: asyncio.Event = field(factory=asyncio.Event)
    """Set once an answer is held back."""
    refusals: int = 0
    """How many publishes were refused."""
    calls: list[int] = field(factory=list)
    """How many records each publish had."""

    def producer(self) -> "UnsteadyProducer":
        return UnsteadyProducer(self, self.real.producer())

    def __getattr__(self, name: str):
        return getattr(self.real, name)


@define
class UnsteadyProducer:
    """Publishes as its broker allows."""

    broker: UnsteadyBroker
    real: Producer

    async def start(self) -> None:
        await self.real.start()

    async def publish(self, records: Sequence[OutRecord]) -> None:
        self.broker.calls.append(len(records))
        if any(map(self.broker.refused, records)):
            self.broker.refusals += 1
            raise BrokerUnavailableError("the broker does not take it now")
        if any(map(self.broker.held, records)):
            self.broker.holding.set()
            await asyncio.Event().wait()
        await self.real.publish(records)

    async def close(self) -> None:
        await self.real.close()
