"""A handler that fails on a group of events costs its neighbours nothing."""

from __future__ import annotations

import pytest

from claimx_pipeline import Category, EntityRows, Handled, RecordError
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.isolation import type_name
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.testing import make_event
from claimx_pipeline.workers.enrichment import EnrichmentProcessor
from tests.fakes.virtual_clock import VirtualClock


class PanicException(BaseException):
    """As libraries in Rust raise it."""


class Strange:
    """Raises, or answers too little, when the bad event is in the group."""

    name = "strange"
    event_types = frozenset({"A"})
    event_prefixes = ()

    def __init__(self, error: BaseException | None) -> None:
        self.error = error
        self.groups: list[int] = []

    async def handle(self, project_id, events, reader):
        self.groups.append(len(events))
        if any(event.media_id == "2" for event in events):
            if self.error is None:
                return []
            raise self.error
        return [Handled(EntityRows()) for _ in events]


class Resources:
    def __init__(self, handler):
        self.handlers = {"claimx": (handler,)}
        self.clock = VirtualClock()


async def ask(handler):
    processor = EnrichmentProcessor(CLAIMX, Resources(handler))
    processor._reader = None
    events = [make_event("A", media_id=number) for number in range(4)]
    received = [Received(None, event) for event in events]
    return [each.handled.error for each in await processor._ask(received)]


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize(
    "error", [PanicException("x"), SystemExit(3), ValueError("x"), DecodeError("x"), None]
)
async def test_the_event_that_it_fails_on_fails_alone(error):
    handler = Strange(error)
    found = await ask(handler)
    assert [each is not None for each in found] == [False, False, True, False]
    assert handler.groups == [4, 1, 1, 1, 1]
    assert type_name(found[2]) == (type(error).__name__ if error else "RuntimeError")


async def test_an_outage_is_not_asked_about_event_by_event():
    handler = Strange(RecordError("away", Category.TRANSIENT))
    assert all(await ask(handler))
    assert handler.groups == [4]
