from __future__ import annotations

from datetime import UTC, datetime

import pytest

from claimx_pipeline.claimx.entities.origin import Provenance
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.domain.answer_columns import Unreadable

EVENT = Event("e1", "A", "700100", datetime(2026, 1, 10, 8, tzinfo=UTC))


@pytest.fixture
def unreadable() -> Unreadable:
    return Unreadable()


@pytest.fixture
def origin(unreadable: Unreadable) -> Provenance:
    answered = datetime(2026, 1, 10, 9, tzinfo=UTC)
    made = datetime(2026, 1, 10, 10, tzinfo=UTC)
    return Provenance(EVENT, answered, made, unreadable)
