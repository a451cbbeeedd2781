"""Brings a file from its link to this machine, whole and as it should be, or says why not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from attrs import define, evolve, field

from claimx_pipeline.clock import Clock, doubled
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.breaker import Breaker, Permit, State
from claimx_pipeline.connections.stream import StreamClient, Streamed
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media.content import (
    FileRefusedError,
    FileType,
)
from claimx_pipeline.media.download_buffer import DownloadBuffer
from claimx_pipeline.media.file_fetch import FileFetch
from claimx_pipeline.media.guard import Guard, LinkRefusedError
from claimx_pipeline.media.links import CurrentLink, RenewalFailedError
from claimx_pipeline.settings.tree.media import MediaSettings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNAUTHORIZED, _FORBIDDEN = 401, 403

LONGEST_PAUSE_SECONDS = 300.0
"""Before another try, whatever the settings say: the record's turn is not to end by waiting."""


@define(eq=False)
class Transfer:
    """Fetches files. One instance for all files of a worker."""

    settings: MediaSettings
    guard: Guard
    client: StreamClient
    clock: Clock
    _breakers: dict[str, Breaker] = field(factory=dict, init=False)

    async def fetch(
        self, link: CurrentLink, kind: FileType | None, buffer: DownloadBuffer
    ) -> FileType | None:
        """Fetch what *link* leads to into *buffer*.

        Args:
            link: Renewed when it has ended or is refused.
            kind: What the file should be, if that is known.
            buffer: Has begun; goes on with what is in it already.

        Returns:
            What the file is; None if it is not whole yet and others should have a turn.

        Raises:
            RecordError: It could not be fetched. ``category`` says whether another try can
                help, ``outage`` whether every file of its host, or every file, would fail.
        """
        host = self.guard.check(link.link).host_port.host
        permit = self._breaker(host).admit()
        try:
            turn_ends = self.clock.monotonic() + self.settings.slice_seconds
            fetched = await self._persist(
                FileFetch(self.settings, self.clock, self.open, link, kind, buffer, turn_ends)
            )
            permit.succeeded()
        except FileRefusedError:
            permit.succeeded()
            raise
        except RenewalFailedError:
            raise  # says something about the API, not about the host
        except RequestFailedError as error:
            # Without the first as its context: the second says all that it says.
            raise self._judged(error, permit, host) from None
        finally:
            permit.release()
        return fetched

    async def _persist(self, fetch: FileFetch) -> FileType | None:
        """Ask until the file is whole, its turn is over, or another try cannot help.

        A request counts as a try unless what is kept has grown since the last that did not:
        so whatever the host answers, it is asked a limited number of times.
        """
        tries = 0
        while True:
            try:
                if await fetch.ask():
                    return fetch.kind
                error: RecordError | None = None
            except RecordError as raised:
                error = raised
                if isinstance(raised, FileRefusedError):
                    await fetch.discard()
            if fetch.stepped():
                tries = 0
            if error is None and not fetch.turn_is_over:
                error = fetch.too_little()
            if error is not None:
                if not await self._another_try(fetch, error, tries):
                    await fetch.keep()
                    raise error
                tries += 1
            if fetch.turn_is_over:
                await fetch.keep()
                return None

    async def _another_try(self, fetch: FileFetch, error: RecordError, tries: int) -> bool:
        """Get ready for another try and say so; False if there is none."""
        if isinstance(error, RenewalFailedError):
            return False
        if isinstance(error, RequestFailedError) and (
            error.status == _FORBIDDEN or (error.status == _UNAUTHORIZED and fetch.link.renewable)
        ):
            if tries > self.settings.max_retries:
                # New links work for a few bytes at a time; nothing is final in that.
                raise evolve(error, category=Category.TRANSIENT, outage=False)
            await fetch.link.renew(str(error))
            return True
        if error.category is not Category.TRANSIENT or error.outage:
            return False
        if tries >= self.settings.max_retries:
            return False
        await self.clock.sleep(doubled(self.settings.backoff_seconds, tries, LONGEST_PAUSE_SECONDS))
        return True

    @asynccontextmanager
    async def open(self, link: str, headers: dict[str, str]) -> AsyncIterator[Streamed]:
        """Send a request and follow where it leads, each target checked before it is requested.

        Raises:
            LinkRefusedError: It leads where nothing may be fetched from.
            RequestFailedError: No answer came.
        """
        target = self.guard.check(link)
        for _ in range(self.settings.max_redirects + 1):
            async with self.client.get(target.link, target.host_port.host, headers) as answer:
                location = answer.headers.get("location")
                if answer.status not in _REDIRECTS or not location:
                    yield answer
                    return
            target = self.guard.follow(target, location)
        raise LinkRefusedError(
            f"link {target.shown!r} is refused: more than {self.settings.max_redirects} redirects"
        )

    def _breaker(self, host: str) -> Breaker:
        # As many as there are allowed hosts.
        if host not in self._breakers:
            settings = self.settings
            self._breakers[host] = Breaker(
                settings.breaker_failures, settings.breaker_open_seconds, self.clock, name=host
            )
        return self._breakers[host]

    def _judged(self, error: RequestFailedError, permit: Permit, host: str) -> RequestFailedError:
        """Return *error* as the host's failure or the record's; report it to the breaker."""
        if error.category is not Category.TRANSIENT:
            if error.answer and error.category is not Category.THROTTLED:
                permit.succeeded()
            return evolve(error, connection=host)
        permit.failed(error.reason)
        outage = self._breaker(host).state is not State.CLOSED
        return evolve(error, connection=host, outage=outage)
