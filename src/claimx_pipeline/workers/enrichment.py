"""``enrichment``: asks a domain's API about each event and lets plugins react.

Events of one key are asked about together; every event becomes one message of entity rows,
whether or not it brought rows, a download task for each file that it brought, and what
plugins publish.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Container, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.domain.domain import Domain, DomainReader
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.events import DomainEvent
from claimx_pipeline.domain.handlers import EventHandler, HandledEvent, HandledRows
from claimx_pipeline.domain.incomplete import IncompleteError
from claimx_pipeline.errors import Problem
from claimx_pipeline.hooks.context import Dispatched, EnrichmentContext
from claimx_pipeline.isolation import as_failure
from claimx_pipeline.runtime.delivery.alone import is_worth_trying_alone
from claimx_pipeline.runtime.headers import PLUGIN, attempts_of, header, hops_of
from claimx_pipeline.runtime.log_subject import RecordSubject
from claimx_pipeline.runtime.outcome import Done, Outcome, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.telemetry.log_context import about
from claimx_pipeline.topics import ACTIONS_PENDING
from claimx_pipeline.workers.enrichment_result import (
    Enriched,
    drop_own_rows,
    message_of,
    with_moment,
)

log = logging.getLogger(__name__)

ROLE = "enrichment"
INCOMPLETE = "incomplete"
"""Outcome of an event of which a part is stored and the rest is tried again."""
REASON_CHARACTERS = 500
STARTING, ROWS = "claimx_enrichment_starting", "claimx_row_publishing"
Handler = EventHandler[Any, Any]


@frozen
class HandlerIndex:
    """Finds the handler of an event type: by its exact name, else by the longest prefix."""

    handlers: Sequence[Handler]

    def find(self, event_type: str) -> Handler | None:
        """Return the handler of *event_type*, None if there is none."""
        for handler in self.handlers:
            if event_type in handler.event_types:
                return handler
        by_prefix = [
            (len(prefix), handler)
            for handler in self.handlers
            for prefix in handler.event_prefixes
            if event_type.startswith(prefix)
        ]
        return max(by_prefix, key=lambda pair: pair[0])[1] if by_prefix else None


class EnrichmentProcessor:
    """Enriches a batch: groups by key, asks, then runs the plugins event by event."""

    def __init__(self, domain: Domain, resources: Resources) -> None:
        self._domain = domain
        self._resources = resources
        self._clock = resources.clock
        handlers = resources.handlers[domain.name]
        self._index = HandlerIndex(handlers)
        self._handlers = {handler.name: handler for handler in handlers}
        self._reader: DomainReader | None = None

    async def open(self) -> None:
        """Get ready what handlers ask."""
        if self._domain.reader is not None:
            self._reader = self._domain.reader(self._resources)

    def decode(self, record: Record) -> DomainEvent:
        """Return the event that is to be enriched."""
        event: DomainEvent = self._domain.messages.event_of_task(record.value)
        return event

    async def process(self, batch: Sequence[Received[DomainEvent]]) -> Sequence[Outcome]:
        """Return what became of each event."""
        before = await self._before(batch)
        left_out = {number for number, each in before.items() if each.filtered is not None}
        enriched = await self._ask(batch, left_out)
        return [
            await self._outcome(received, found, before.get(number))
            for number, (received, found) in enumerate(zip(batch, enriched, strict=True))
        ]

    async def close(self) -> None:
        """Close what handlers ask."""
        if self._reader is not None:
            await self._reader.close()

    async def _before(self, batch: Sequence[Received[DomainEvent]]) -> dict[int, Dispatched]:
        """Return what plugins said of events before the API is asked about them, by number."""
        dispatcher = self._resources.dispatcher
        if not dispatcher.listens(STARTING):
            return {}
        found = {}
        for number, received in enumerate(batch):
            only = header(received.record.headers, PLUGIN)
            context = self._context(received, self._domain.rows(), stage="enrichment_starting")
            found[number] = await dispatcher.ask(STARTING, context, only)
            if only is not None:
                found[number].filtered = None  # the others have had the event already
        return found

    def _context(
        self, received: Received[DomainEvent], rows: RowsByKind, **known: Any
    ) -> EnrichmentContext:
        return EnrichmentContext(
            received.message,
            rows,
            domain=self._domain.name,
            key_name=self._domain.key_name,
            attempt=attempts_of(received.record) + 1,
            hops=hops_of(received.record),
            reader=self._reader,
            **known,
        )

    async def _ask(
        self, batch: Sequence[Received[DomainEvent]], left_out: Container[int] = ()
    ) -> list[Enriched]:
        """Ask the API about all events but some, those of one key and handler together."""
        events = [received.message for received in batch]
        groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        found: dict[int, Enriched] = {}
        for number, event in enumerate(events):
            handler = self._index.find(event.event_type)
            if number in left_out:
                now = self._clock.now()
                found[number] = Enriched(HandledRows(self._domain.rows()), "", now, now)
            elif handler is None:
                now = self._clock.now()
                reason = f"no handler for events {event.event_type}"
                found[number] = Enriched(HandledRows(self._domain.rows()), "", now, now, reason)
            else:
                groups[handler.name, event.key].append(number)

        async def ask(name: str, key: str, numbers: list[int]) -> None:
            group = [events[number] for number in numbers]
            began = self._clock.now()
            first = batch[numbers[0]]
            subject = RecordSubject(self._domain.name, first.record, first.message)
            # Of several events a line names the first, and how many there are.
            with about(subject), about(events=len(group), **{self._domain.key_name: key}):
                handled = await self._handled(self._handlers[name], key, group)
            ended = self._clock.now()
            for number, one in zip(numbers, handled, strict=True):
                found[number] = Enriched(one, name, began, ended)

        await asyncio.gather(*(ask(*group, numbers) for group, numbers in groups.items()))
        return [found[number] for number in range(len(events))]

    async def _handled(
        self, handler: Handler, key: str, events: Sequence[DomainEvent]
    ) -> Sequence[HandledEvent]:
        """Return what *handler* found for each of *events*, which are of one key.

        If it fails on all of them it is asked about each alone: one event must not cost the
        others of its key.
        """
        try:
            handled = await handler.handle(key, events, self._reader)
            check_results(handler.name, events, handled)
        except BaseException as error:  # noqa: BLE001 - the failure of these events alone
            failed = as_failure(error)
            if len(events) == 1 or not is_worth_trying_alone(failed):
                return [HandledRows(self._domain.rows(), failed) for _ in events]
            return [one for event in events for one in await self._handled(handler, key, [event])]
        return handled

    async def _outcome(
        self, received: Received[DomainEvent], found: Enriched, before: Dispatched | None
    ) -> Outcome:
        with about(RecordSubject(self._domain.name, received.record, received.message)):
            try:
                outcome = await self._finish(received.record, received.message, found, before)
                return outcome if before is None else with_moment(outcome, before)
            except BaseException as error:  # noqa: BLE001 - the failure of this event alone
                return failure(error)

    async def _finish(
        self,
        record: Record,
        event: DomainEvent,
        enriched: Enriched,
        before: Dispatched | None = None,
    ) -> Outcome:
        """Run the plugins and return what is to be published."""
        handled, error = enriched.handled, enriched.handled.error
        if error is not None and not isinstance(error, IncompleteError):
            return failure(error)
        context = self._context(
            Received(record, event),
            self._domain.rows_from(handled.entities if error is None else error.entities),
            handler=enriched.handler,
            api_calls=handled.api_calls,
            duration_seconds=(enriched.ended - enriched.began).total_seconds(),
        )
        only = header(record.headers, PLUGIN) if record.headers else None
        if error is not None:
            known = () if only else self._known(context, enriched, error)
            return failure(error, reports=known)
        if only is not None:
            return await self._finish_for(only, context, enriched)
        dispatched = await self._dispatched(context, before)
        log.debug("event %s (%s) is enriched", event.event_id, event.event_type)
        outcome, reason = "enriched", note_of(handled)
        if enriched.skipped:
            outcome, reason = "skipped", enriched.skipped
        if dispatched.filtered is not None:
            outcome, reason = "filtered", dispatched.filtered
            drop_own_rows(context.entities, self._domain.kinds)
        message = message_of(self._domain, context, enriched, outcome=outcome, reason=reason)
        rows = self._domain.messages.record(message)
        files = self._download_tasks(event, context.entities, enriched.ended)
        return Done(
            publish=(rows, *files, *dispatched.publish),
            skipped=enriched.skipped,
            failed_plugins=tuple(dispatched.failed),
        )

    async def _dispatched(
        self, context: EnrichmentContext, before: Dispatched | None, only: str | None = None
    ) -> Dispatched:
        """Run the plugins on an enriched event, then show them its rows."""
        dispatcher = self._resources.dispatcher
        if before is not None and before.filtered is not None:
            return Dispatched(filtered=before.filtered)
        dispatched = await dispatcher.enrichment_complete(context, only)
        if dispatcher.listens(ROWS):
            dispatched.failed += (await dispatcher.row_publishing(context, only)).failed
        return dispatched

    def _known(
        self, context: EnrichmentContext, enriched: Enriched, error: Exception
    ) -> tuple[OutRecord, ...]:
        """Return what is to be published of an event of which the rest is not known yet."""
        reason = self._resources.redactor.text(str(error))[:REASON_CHARACTERS]
        message = message_of(self._domain, context, enriched, outcome=INCOMPLETE, reason=reason)
        files = self._download_tasks(context.event, context.entities, enriched.ended)
        return (self._domain.messages.record(message), *files)

    def _download_tasks(
        self, event: DomainEvent, rows: RowsByKind, now: datetime
    ) -> list[OutRecord]:
        """Return the tasks to fetch the files of an event; none in a domain without files."""
        flow = self._domain.file_flow
        if flow is None:
            return []
        tasks = flow.files.tasks(event, rows, self._resources.settings, now)
        return [flow.codec.task_record(task) for task in tasks]

    async def _finish_for(
        self, plugin: str, context: EnrichmentContext, enriched: Enriched
    ) -> Outcome:
        """Run *plugin* alone: the event was dealt with when it failed, its work is what is left.

        Rows that it changes are merged again. What it would filter out is stored already.
        """
        before = context.copy().entities
        dispatched = await self._dispatched(context, None, plugin)
        publish = dispatched.publish
        if context.entities != before:
            outcome = "skipped" if enriched.skipped else "enriched"
            reason = enriched.skipped or note_of(enriched.handled)
            message = message_of(self._domain, context, enriched, outcome=outcome, reason=reason)
            publish = [self._domain.messages.record(message), *publish]
        return Done(publish=tuple(publish), failed_plugins=tuple(dispatched.failed))


def note_of(handled: HandledEvent) -> str:
    """Return what of an event its handler left out, and why; most handlers leave out nothing."""
    return str(getattr(handled, "note", ""))[:REASON_CHARACTERS]


def check_results(
    handler: str, events: Sequence[DomainEvent], found: Sequence[HandledEvent]
) -> None:
    """See that a handler returned one result for each of *events*.

    Raises:
        RuntimeError: It did not.
    """
    if len(found) != len(events):
        raise RuntimeError(
            f"handler {handler!r} returned {len(found)} results for {len(events)} events; it "
            "must return one for each"
        )


def check(domain: Domain, settings: Settings) -> Sequence[Problem]:
    """Return what is missing before the API can be asked."""
    return domain.check(settings, domain.worker_name(ROLE))


def build(domain: Domain, resources: Resources) -> EnrichmentProcessor:
    """Return the processor of one member."""
    return EnrichmentProcessor(domain, resources)


def worker(domain: Domain) -> WorkerSpec:
    """Return the worker of *domain*."""
    topics = domain.topics
    asks = f"Asks the {domain.called} API about" if domain.reader else "Makes rows of"
    return WorkerSpec(
        name=domain.worker_name(ROLE),
        summary=f"{asks} each event and runs the plugins.",
        group=topics.group("enrichment-worker"),
        formerly=domain.formerly.get(ROLE, frozenset()),
        reads=(topics.enrichment_pending,),
        writes=(topics.entities_rows, topics.downloads_pending, ACTIONS_PENDING),
        needs=("broker", *domain.needs, "plugins"),
        check=partial(check, domain),
        family=topics.family("enrichment"),
        dead_letters=topics.enrichment_dlq,
        calls=("claimx_enrichment_complete", STARTING, ROWS),
        build=partial(build, domain),
        batch_size=200,
        sets=domain.sets(ROLE),
        domain=domain.name,
    )
