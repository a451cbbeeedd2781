"""``Pipeline`` as programs and notebooks use it: with what they do most as methods."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from claimx_pipeline import operations, pipeline
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.library.blocking import blocking
from claimx_pipeline.notebook_html import html_table
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.domain.events import DomainEvent
    from claimx_pipeline.hooks.context import EnrichmentContext
    from claimx_pipeline.operations import PublishedEvents, QueryAnswer, RunReport


class Pipeline(pipeline.Pipeline):
    """Settings, plugins and everything they declare. Making one connects to nothing.

    What programs and notebooks do most are its methods; all else is in ``operations``, whose
    functions take it first.
    """

    async def create(self) -> None:
        """Create the topics and tables that do not exist yet.

        Raises:
            ClaimxError: The broker or the tables cannot be reached, or refuse it.
        """
        await operations.create_all(self)

    async def publish(
        self, events: Iterable[Mapping[str, Any] | str | bytes], domain: str = BRAND
    ) -> PublishedEvents:
        """Publish raw events, checked as ``claimx-run publish`` checks them, by their keys.

        Args:
            events: Each as a mapping or as its JSON; or an open file.
            domain: The domain of the events.

        Returns:
            How many were published, and which are not valid events, with the reason.

        Raises:
            BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
            UsageError: *events* is a single event, or there is no such domain.
        """
        if isinstance(events, (Mapping, str, bytes)):
            raise UsageError("'events' is a single event; give a list of them")
        if not isinstance(events, Iterable):
            raise UsageError(f"'events' is {events!r}; give a list of events")
        return await operations.publish_events(self, map(_encoded, events), domain)

    async def run(
        self,
        *workers: str,
        until_idle: bool = False,
        instances: int = 1,
        stop: asyncio.Event | None = None,
    ) -> RunReport:
        """Run workers in this event loop until they are stopped or, if asked, are idle.

        Args:
            *workers: Names of workers or of sets of them, such as ``claimx``; without, all.
            until_idle: End when they have nothing left to do.
            instances: Members of each worker.
            stop: Ends the run when it is set; what is in flight is finished and committed.

        Returns:
            What each worker did, and what died or waits.

        Raises:
            UsageError: There is no worker or set of a name.
            SettingsError: A setting is missing that they need.
            ClaimxError: A worker could not start, or failed; a note on it says what all did.
        """
        from claimx_pipeline.operations.run_report import run_and_report  # noqa: PLC0415 - slow

        names = workers or tuple(self.workers)
        return await run_and_report(
            self, names, until_idle=until_idle, instances=instances, stop=stop
        )

    def run_blocking(self, *workers: str, until_idle: bool = True, instances: int = 1) -> RunReport:
        """Run workers and return when they have ended: ``run`` for code without ``await``.

        Works in a notebook as well, whose event loop waits meanwhile. An interruption (Ctrl-C)
        ends the workers; what is in flight is finished and committed.

        Args:
            *workers: Names of workers or of sets of them; without, all.
            until_idle: End when they have nothing left to do; otherwise at an interruption.
            instances: Members of each worker.

        Raises:
            UsageError: There is no worker or set of a name.
            SettingsError: A setting is missing that they need.
            ClaimxError: A worker could not start, or failed.
        """
        return blocking(lambda: self.run(*workers, until_idle=until_idle, instances=instances))

    async def enrich(
        self, event: DomainEvent | Mapping[str, Any] | str | bytes, domain: str = BRAND
    ) -> EnrichmentContext:
        """Return one event with the rows that the API's answers become; needs no broker.

        Nothing is published and nothing is written.

        Args:
            event: The event, as a mapping or as its JSON.
            domain: Its domain; an event that is decoded already knows it.

        Raises:
            DecodeError: It is not a valid event.
            ClaimxError: No handler takes events of its type, or there is no such domain.
            RecordError: The API did not answer, or its answer cannot be used.
        """
        if isinstance(event, (Mapping, str, bytes)):
            event = operations.read_event(_encoded(event), self, domain)
        return await operations.context_of(self, event)

    def query(self, sql: str) -> QueryAnswer:
        """Return the answer to *sql*, one statement that reads tables. Blocks.

        Raises:
            UsageError: The statement does more than read tables, or cannot be run.
            TableError: A table it names has not been created.
        """
        return operations.QueryAnswer(operations.query(self, sql))

    def __repr__(self) -> str:
        lines = "\n".join(f"  {name:8} {value}" for name, value in self._facts())
        return f"Pipeline\n{lines}"

    def _repr_html_(self) -> str:
        return html_table(("Pipeline", ""), self._facts())

    def _facts(self) -> list[tuple[str, str]]:
        loaded = ", ".join(name for name, _ in self.plugins.loaded())
        try:
            broker = self.broker().url
        except ClaimxError as error:
            broker = str(error)
        return [
            ("broker", broker),
            ("tables", f"{len(self.tables)}, in {self.settings.tables.root}"),
            ("workers", ", ".join(self.workers)),
            ("plugins", loaded or "none"),
        ]


def _encoded(event: Mapping[str, Any] | str | bytes) -> bytes:
    """Return an event as its JSON."""
    if isinstance(event, str):
        # Halves of characters are refused with the event, as bytes that are not UTF-8.
        return event.encode(errors="surrogatepass")
    try:
        return event if isinstance(event, bytes) else msgspec.json.encode(event)
    except (TypeError, ValueError, RecursionError) as error:
        raise UsageError(
            f"an event cannot be written as JSON: {error}; nothing was published"
        ) from error
