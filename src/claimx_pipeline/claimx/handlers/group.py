"""What handlers share: one request for a group of events, and each event's rows alone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from attrs import define

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.entities.contact import contact_rows
from claimx_pipeline.claimx.entities.origin import Provenance
from claimx_pipeline.claimx.entities.project import project_row
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer
from claimx_pipeline.clock import Clock
from claimx_pipeline.domain.answer_columns import Unreadable
from claimx_pipeline.errors import RecordError
from claimx_pipeline.isolation import as_failure

A = TypeVar("A")
E = TypeVar("E")
_LARGEST = 2**63 - 1
_DIGITS = len(str(_LARGEST))


@define
class RowMaker:
    """Makes rows for handlers: tells the time and counts what cannot be read."""

    clock: Clock
    unreadable: Unreadable

    def origin(self, event: Event, answered_at: datetime | None) -> Provenance:
        """Return what rows of *event* are to say about where they come from."""
        return Provenance(event, answered_at, self.clock.now(), self.unreadable)

    def project(self, event: Event, answer: ProjectAnswer, project_id: int) -> EntityRows:
        """Return the rows of the project's answer: the project and its contacts."""
        origin = self.origin(event, answer.answered_at)
        project = project_row(answer.body, str(project_id), origin)
        return EntityRows(projects=[project], contacts=contact_rows(answer.body, project, origin))


def numeric_id(name: str, value: str | None, event_type: str) -> int:
    """Return an id as the number that the API takes.

    Args:
        name: What the event calls it, for the error's text.
        value: The id.
        event_type: The event's type, for the error's text.

    Raises:
        RecordError: It is missing or no number; permanent, as no other try changes it.
    """
    if value is None:
        raise RecordError(f"the {event_type} event has no {name!r}; it must name one")
    whole = value.isascii() and value.isdigit() and len(value) <= _DIGITS
    if not whole or int(value) > _LARGEST:
        raise RecordError(
            f"the {event_type} event's {name!r} is {value[:60]!r}; the API takes numbers only"
        )
    return int(value)


async def sorted_out(
    name: str,
    events: Sequence[Event],
    of_all: Callable[[Mapping[int, Sequence[Event]]], Awaitable[list[Handled]]],
) -> list[Handled]:
    """Return what became of *events*, which are about something with an id of its own.

    An event whose id is missing or no number fails alone, before anything is asked.

    Args:
        name: The event's attribute with the id.
        events: The events.
        of_all: Handles events by id; returns one result per event, in the same order.
    """
    results: dict[int, Handled] = {}
    positions: defaultdict[int, list[int]] = defaultdict(list)
    for position, event in enumerate(events):
        try:
            positions[numeric_id(name, getattr(event, name), event.event_type)].append(position)
        except RecordError as error:
            results[position] = Handled(error=error)
    if positions:
        handled = await of_all(
            {one: [events[p] for p in where] for one, where in positions.items()}
        )
        order = [position for where in positions.values() for position in where]
        results.update(zip(order, handled, strict=True))
    return [results[position] for position in range(len(events))]


async def shared(
    events: Sequence[E],
    reader: ClaimxReader,
    fetch: Callable[[ClaimxReader], Awaitable[A]],
    build: Callable[[E, A], EntityRows],
) -> list[Handled]:
    """Return what became of *events*, or what represents them, which *fetch* serves all at once.

    A failure of *fetch* is every event's, one of *build* its own event's alone. The
    requests count for the first event.
    """
    counting = reader.counted()
    try:
        found = await fetch(counting)
    except BaseException as error:  # noqa: BLE001 - reported as the outcome of each event
        failed = as_failure(error)
        handled = [Handled(error=failed) for _ in events]
    else:
        handled = [_built(event, found, build) for event in events]
    handled[0].api_calls = counting.calls
    return handled


def _built(event: E, found: A, build: Callable[[E, A], EntityRows]) -> Handled:
    try:
        return Handled(build(event, found))
    except BaseException as error:  # noqa: BLE001 - reported as the outcome of this event
        return Handled(error=as_failure(error))
