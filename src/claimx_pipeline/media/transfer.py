"""Brings a file from its link to this machine, whole and as it should be, or says why not."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

from attrs import define, evolve, field

from claimx_pipeline.clock import Clock, doubled
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.breaker import Breaker, Permit, State
from claimx_pipeline.connections.stream import StreamClient, Streamed
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media.content import (
    HEAD_BYTES,
    FileRefusedError,
    FileType,
    check_beginning,
    checked_type,
)
from claimx_pipeline.media.decoding import Decoder, encoding_of
from claimx_pipeline.media.download_buffer import Landing
from claimx_pipeline.media.guard import Guard, LinkRefusedError
from claimx_pipeline.media.links import CurrentLink, RenewalFailedError
from claimx_pipeline.settings.tree.media import MediaSettings

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_UNAUTHORIZED, _FORBIDDEN = 401, 403
_WHOLE, _PART, _NO_SUCH_RANGE = 200, 206, 416
_CONTENT_RANGE = re.compile(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_DIGITS = re.compile(r"[0-9]{1,18}")

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
        self, link: CurrentLink, kind: FileType | None, landing: Landing
    ) -> FileType | None:
        """Fetch what *link* leads to into *landing*.

        Args:
            link: Renewed when it has ended or is refused.
            kind: What the file should be, if that is known.
            landing: Has begun; goes on with what is in it already.

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
            fetched = await self._persist(_Fetch(self, link, kind, landing, turn_ends))
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

    async def _persist(self, fetch: _Fetch) -> FileType | None:
        """Ask until the file is whole, its turn is over, or another try cannot help."""
        tries, furthest = 0, fetch.landing.size
        while True:
            try:
                if await fetch.ask():
                    return fetch.kind
            except RecordError as error:
                if isinstance(error, FileRefusedError):
                    await fetch.discard()
                elif fetch.landing.size > furthest:
                    tries = 0
                if not await self._another_try(fetch, error, tries):
                    await fetch.keep()
                    raise
                tries += 1
            else:
                tries = 0
            furthest = max(furthest, fetch.landing.size)
            if fetch.turn_is_over:
                await fetch.keep()
                return None

    async def _another_try(self, fetch: _Fetch, error: RecordError, tries: int) -> bool:
        """Get ready for another try and say so; False if there is none."""
        if isinstance(error, RenewalFailedError):
            return False
        status = error.status if isinstance(error, RequestFailedError) else None
        if status == _FORBIDDEN or (status == _UNAUTHORIZED and fetch.link.renewable):
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
        permit.failed()
        outage = self._breaker(host).state is not State.CLOSED
        return evolve(error, connection=host, outage=outage)


@define(eq=False)
class _Fetch:
    """One file under way."""

    transfer: Transfer
    link: CurrentLink
    kind: FileType | None
    landing: Landing
    _turn_ends: float
    _total: int | None = field(default=None, init=False)
    """Bytes of the whole file, if the host says."""
    _validator: str = field(default="", init=False)
    _ranges: bool = field(default=False, init=False)
    """The host gives parts of the file."""
    _looked: bool = field(default=False, init=False)
    """The first bytes were looked at."""

    def __attrs_post_init__(self) -> None:
        if progress := self.landing.progress:
            self._total, self._validator, self._ranges = progress.total, progress.validator, True

    @property
    def may_go_on(self) -> bool:
        """Whether what came so far can be kept for a later try."""
        large = (self._total or 0) > self.transfer.settings.range_threshold_bytes
        return self._ranges and large and self.landing.size > 0

    @property
    def turn_is_over(self) -> bool:
        """Whether others should have a turn now and this file can wait."""
        return self.transfer.clock.monotonic() >= self._turn_ends and self.may_go_on

    async def keep(self) -> None:
        """Keep what came so far, if a later try can go on with it."""
        if self.may_go_on and self._total is not None:
            await self.landing.keep(self._total, self._validator)

    async def ask(self) -> bool:
        """Send one request and take what it brings; True once the file is whole.

        Raises:
            RecordError: It brought nothing of use, or broke off.
        """
        if self.landing.size and not self._ranges:
            await self.discard()
        headers = self._range() if self.landing.size else {}
        link = await self.link.fresh()
        async with self.transfer.open(link, headers) as answer:
            await self._begin(answer)
            before = self.landing.size
            ended = await self._take(answer)
        if self.landing.size > before:
            self.link.worked()
        if ended and self._total is None:
            self._total = self.landing.size
        if self.landing.size != self._total:
            if self.landing.size == before:
                raise self._unfit(answer, "the host sent nothing of what is left of the file")
            await self.keep()
            return False
        self._look()
        return True

    def _range(self) -> dict[str, str]:
        start = self.landing.size
        stop = min(start + self.transfer.settings.range_bytes, self._total or start + 1)
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        if self._validator:
            # Another file under the same link is then sent whole.
            headers["If-Range"] = self._validator
        return headers

    async def _begin(self, answer: Streamed) -> None:
        """See what *answer* is: the file, the part that was asked for, or neither."""
        start = self.landing.size
        if answer.status == _NO_SUCH_RANGE and start:
            await self.discard()
            raise self._unfit(
                answer, "the file has changed: it is shorter than what was fetched of it"
            )
        if answer.status not in {_WHOLE, _PART}:
            raise await answer.refusal()
        self.kind = checked_type(self.kind, answer.headers.get("content-type"))
        if answer.status == _WHOLE:
            if start:
                await self.discard()
            self._learn(answer)
            return
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("content-range", ""))
        fits = found and int(found[1]) == start and found[3] == str(self._total)
        if not start or not fits or encoding_of(answer) != "identity":
            await self.discard()
            raise self._unfit(answer, "the host sent another part of the file than was asked for")

    def _learn(self, answer: Streamed) -> None:
        headers = answer.headers
        encoded = encoding_of(answer) != "identity"
        length = headers.get("content-length", "")
        self._total = int(length) if _DIGITS.fullmatch(length) and not encoded else None
        self._ranges = (
            self._total is not None and headers.get("accept-ranges", "").lower() == "bytes"
        )
        tag = headers.get("etag", "")
        self._validator = tag if tag.startswith('"') else headers.get("last-modified", "")
        self._check_size(self._total or 0)

    async def _take(self, answer: Streamed) -> bool:
        """Take the body; False if it was left before its end as it is fetched by ranges."""
        limit = None
        settings = self.transfer.settings
        if answer.status == _WHOLE and self._ranges and self._total is not None:
            by_ranges = self._total > settings.range_threshold_bytes
            limit = settings.range_bytes if by_ranges else None
        decode = Decoder.of(answer)
        async with aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                for part in decode.add(piece) if decode else (piece,):
                    await self.landing.add(part)
                    self._check_size(self.landing.size)
                if not self._looked and self.landing.size >= HEAD_BYTES:
                    self._look()
                if self.turn_is_over or (limit is not None and self.landing.size >= limit):
                    return False
        if decode and not decode.ended:
            raise self._unfit(answer, "the compressed answer broke off")
        return True

    def _look(self) -> None:
        """Look at the first bytes, once."""
        if not self._looked and self.kind is not None:
            check_beginning(self.kind, self.landing.head)
            self._looked = True

    def _check_size(self, size: int) -> None:
        most = self.transfer.settings.max_bytes
        if most is not None and size > most:
            raise FileRefusedError(
                f"the file is larger than {most} bytes; raise media.max_bytes to fetch it"
            )

    async def discard(self) -> None:
        """Discard what came and begin again."""
        await self.landing.restart()
        self._total, self._validator = None, ""
        self._ranges = self._looked = False

    def _unfit(self, answer: Streamed, what: str) -> RequestFailedError:
        return RequestFailedError(
            f"{answer.where}: {what}", Category.TRANSIENT, connection=answer.host
        )
