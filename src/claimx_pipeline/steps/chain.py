"""``chain``: a plugin worker as a row of stages, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from attrs import evolve

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime.outcome import Done, Outcome, failure
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
        return [outcome_of(item) for item in items]

    async def close(self) -> None:
        """Close the stages in the reverse order."""
        while self._opened:
            await self._opened.pop().close()


def outcome_of(item: Item) -> Outcome:
    """Return what became of a record, at the end of the chain or where it left it."""
    rows, reports = tuple(item.rows), tuple(item.reports)
    if item.outcome is not None:
        return evolve(item.outcome, reports=reports) if reports else item.outcome
    if item.unfinished is not None:
        return failure(item.unfinished, rows=rows, reports=reports)
    return Done(tuple(item.publish), rows, tuple(item.confirm), reports=reports)
