"""``chain``: a plugin worker as a row of stages, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from attrs import evolve

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.errors import DecodeError, RecordError
from claimx_pipeline.runtime.headers import HOPS, MOST_HOPS, hops_of
from claimx_pipeline.runtime.outcome import Dead, Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.stages.protocol import Item, Stage


class ChainProcessor:
    """Passes each batch through the stages; a record leaves where a stage says so."""

    def __init__(self, stages: Sequence[Stage], resources: Resources) -> None:
        self.stages = tuple(stages)
        self._resources = resources
        self._opened: list[Stage] = []

    async def open(self) -> None:
        """Open the stages in their order."""
        for stage in self.stages:
            self._opened.append(stage)
            await stage.open(self._resources)

    def decode(self, record: Record) -> dict[str, Any]:
        """Return the JSON object in *record*.

        Raises:
            DecodeError: It holds none.
        """
        try:
            message = msgspec.json.decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise DecodeError(f"the value is not JSON: {error}") from error
        if not isinstance(message, dict):
            raise DecodeError(f"the value is a JSON {type(message).__name__}, not an object")
        return message

    async def process(self, batch: Sequence[Received[dict[str, Any]]]) -> Sequence[Outcome]:
        """Run the chain and return what became of each record."""
        items = [Item(each.record, each.message, dict(each.message)) for each in batch]
        for stage in self.stages:
            going = [item for item in items if item.outcome is None]
            if not going:
                break
            await stage.process(going)
        return [item.outcome or done(item) for item in items]

    async def close(self) -> None:
        """Close the stages in the reverse order."""
        while self._opened:
            await self._opened.pop().close()


def done(item: Item) -> Outcome:
    """Return the outcome of a record that came through the whole chain.

    A record that goes round in a circle, from plugin to plugin, is dead.
    """
    if not item.publish and not item.confirm:
        return Done(rows=tuple(item.rows))
    hops = hops_of(item.record) + 1
    if hops > MOST_HOPS:
        reason = f"{MOST_HOPS} messages of plugins led here, so they go round in a circle"
        return Dead(RecordError(reason))
    led = (HOPS, str(hops).encode())
    return Done(
        tuple(evolve(record, headers=(*record.headers, led)) for record in item.publish),
        tuple(item.rows),
        tuple(evolve(record, headers=(*record.headers, led)) for record in item.confirm),
    )
