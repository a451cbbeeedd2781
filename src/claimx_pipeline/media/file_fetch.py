"""One file on its way: what is asked of its host, and what of the answer is taken.

A file comes in one request, or in parts. What is kept of it is always of one version: a part
is taken only if the host says that it is of the version that the first was of.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, aclosing

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.stream import Streamed
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media.content import (
    HEAD_BYTES,
    FileRefusedError,
    FileType,
    check_beginning,
    checked_type,
)
from claimx_pipeline.media.decoding import IDENTITY, Decoder, encoding_of
from claimx_pipeline.media.download_buffer import DownloadBuffer
from claimx_pipeline.media.links import CurrentLink
from claimx_pipeline.media.ranges import ByteRange, Version, gives_parts, length_of, validator_of
from claimx_pipeline.settings.tree.media import MediaSettings

_WHOLE, _PART, _NO_SUCH_RANGE = 200, 206, 416

_STEPS_PER_RANGE = 16
"""A range, or a smaller file, in so many steps: progress is made by whole steps only."""
_MOST_RESTARTS = 2
"""After so many changes of version a file is fetched in one request."""


@define(eq=False)
class FileFetch:
    """One file under way."""

    settings: MediaSettings
    clock: Clock
    _open: Callable[[str, dict[str, str]], AbstractAsyncContextManager[Streamed]]
    """Sends a request for a link, with headers."""
    link: CurrentLink
    kind: FileType | None
    buffer: DownloadBuffer
    _turn_ends: float
    _version: Version | None = field(default=None, init=False)
    """What is fetched in parts; None if the file comes in one request."""
    _total: int | None = field(default=None, init=False)
    """Bytes of the whole file, if the host says."""
    _restarts: int = field(default=0, init=False)
    """How often it was begun again because the host had another version."""
    _whole_only: bool = field(default=False, init=False)
    """The host has answered a range with the whole file: it is asked for none again."""
    _looked: bool = field(default=False, init=False)
    """The first bytes were looked at."""
    _turn_began: int = field(default=0, init=False)
    _step_began: int = field(default=0, init=False)
    """Bytes that there were when the turn, and the last step of progress, began."""

    def __attrs_post_init__(self) -> None:
        if progress := self.buffer.progress:
            self._restarts, self._total = progress.restarts, progress.total
            if progress.validator:
                self._version = Version(progress.total, progress.validator)
        self._turn_began = self._step_began = self.buffer.size

    @property
    def may_go_on(self) -> bool:
        """Whether what came so far can be kept for a later try."""
        large = (self._total or 0) > self.settings.range_threshold_bytes
        return self._version is not None and large and self.buffer.size > 0

    @property
    def turn_is_over(self) -> bool:
        """Whether others should have a turn now and this file can wait.

        A turn without progress does not end: it would begin again, for ever, without a try
        having been counted.
        """
        late = self.clock.monotonic() >= self._turn_ends
        return late and self.may_go_on and self.buffer.size - self._turn_began >= self._step

    @property
    def _step(self) -> int:
        size = min(self.settings.range_bytes, self._total or self.settings.range_bytes)
        return max(1, -(-size // _STEPS_PER_RANGE))

    def stepped(self) -> bool:
        """Whether what is kept has grown by a step since this last said so.

        What has to be discarded after a failure is not kept, however much it was.
        """
        if self._version is None or self.buffer.size - self._step_began < self._step:
            return False
        self._step_began = self.buffer.size
        return True

    def too_little(self) -> RecordError | None:
        """Return the failure of a request that brought less than a step; None if it did not."""
        if self.buffer.size == self._step_began:
            return None
        return RequestFailedError(
            f"{self.link.shown}: the host sends too few bytes at a time; there are "
            f"{self.buffer.size} of {self._total}",
            Category.TRANSIENT,
        )

    async def keep(self) -> None:
        """Keep what came so far, if a later try can go on with it."""
        if self.may_go_on and self._version is not None:
            version = self._version
            await self.buffer.keep(version.total, version.validator, self._restarts)

    async def ask(self) -> bool:
        """Send one request and take what it brings; True once the file is whole.

        Raises:
            RecordError: It brought nothing of use, or broke off.
        """
        if self.buffer.size and self._version is None:
            await self.discard()
        headers = self._range(self._version) if self.buffer.size and self._version else {}
        link = await self.link.fresh()
        async with self._open(link, headers) as answer:
            expected = await self._begin(answer)
            before = self.buffer.size
            ended = await self._take(answer, expected)
            if came := self.buffer.size - before:
                self.link.worked()
            if expected is not None and ended and came != expected:
                raise await self._other_part(answer)
        if ended and self._total is None:
            self._total = self.buffer.size
        if self.buffer.size != self._total:
            if not came:
                raise self._unfit(answer, "the host sent nothing of what is left of the file")
            await self.keep()
            return False
        self._look()
        return True

    def _range(self, version: Version) -> dict[str, str]:
        start = self.buffer.size
        stop = min(start + self.settings.range_bytes, version.total)
        headers = {"Range": f"bytes={start}-{stop - 1}"}
        if version.condition:
            # Another file under the same link is then sent whole, if the host knows this.
            headers["If-Range"] = version.condition
        return headers

    async def _begin(self, answer: Streamed) -> int | None:
        """See what *answer* is: the file, the part that was asked for, or neither.

        Returns:
            The bytes of the part; None if it is the whole file.
        """
        start = self.buffer.size
        if answer.status == _NO_SUCH_RANGE and start:
            raise await self._changed(answer, "it is shorter than what was fetched of it")
        if answer.status not in {_WHOLE, _PART}:
            raise await answer.refusal()
        self.kind = checked_type(self.kind, answer.headers.get("content-type"))
        if answer.status == _WHOLE:
            if start:
                # The host does not know ranges, or has another file by now: either way this
                # is all of it, and asking for a part of it again may bring the same answer.
                self._whole_only = True
                await self.discard()
            self._learn(answer)
            return None
        version, part = self._version, ByteRange.of(answer.headers)
        if version is None or part is None or encoding_of(answer) != IDENTITY:
            raise await self._other_part(answer)
        if part.total != version.total or validator_of(answer.headers) != version.validator:
            raise await self._changed(answer, "the host sent a part of another version")
        most = self.settings.range_bytes
        if not start or part.first != start or part.size > most:
            raise await self._other_part(answer)
        return part.size

    async def _changed(self, answer: Streamed, how: str) -> RequestFailedError:
        await self._begin_again()
        return self._unfit(answer, f"the file has changed: {how}; it is fetched again")

    async def _other_part(self, answer: Streamed) -> RequestFailedError:
        await self._begin_again()
        what = "the host sent another part of the file than was asked for; it is fetched again"
        return self._unfit(answer, what)

    async def _begin_again(self) -> None:
        self._restarts += 1
        await self.discard()

    def _learn(self, answer: Streamed) -> None:
        headers = answer.headers
        plain = encoding_of(answer) == IDENTITY
        self._total = length_of(headers) if plain else None
        self._check_size(self._total or 0)
        validator = validator_of(headers)
        in_parts = validator and gives_parts(headers) and not self._whole_only
        if in_parts and self._total is not None and self._restarts < _MOST_RESTARTS:
            self._version = Version(self._total, validator)

    async def _take(self, answer: Streamed, expected: int | None) -> bool:
        """Take the body; False if it was left before its end as it is fetched by ranges."""
        limit = None
        if expected is None and self._version is not None:
            by_ranges = self._version.total > self.settings.range_threshold_bytes
            limit = self.settings.range_bytes if by_ranges else None
        most = None if expected is None else self.buffer.size + expected
        decode = Decoder.of(answer)
        async with aclosing(answer.pieces()) as pieces:
            async for piece in pieces:
                if most is not None and self.buffer.size + len(piece) > most:
                    raise await self._other_part(answer)
                for part in decode.add(piece) if decode else (piece,):
                    await self.buffer.add(part)
                    self._check_size(self.buffer.size)
                if not self._looked and self.buffer.size >= HEAD_BYTES:
                    self._look()
                if self.turn_is_over or (limit is not None and self.buffer.size >= limit):
                    return False
        if decode and not decode.ended:
            raise self._unfit(answer, "the compressed answer broke off")
        return True

    def _look(self) -> None:
        """Look at the first bytes, once."""
        if not self._looked and self.kind is not None:
            check_beginning(self.kind, self.buffer.head)
            self._looked = True

    def _check_size(self, size: int) -> None:
        most = self.settings.max_bytes
        if most is not None and size > most:
            raise FileRefusedError(
                f"the file is larger than {most} bytes; raise media.max_bytes to fetch it"
            )

    async def discard(self) -> None:
        """Discard what came and begin again."""
        await self.buffer.restart()
        self._version = self._total = None
        self._looked = False
        self._turn_began = self._step_began = 0

    def _unfit(self, answer: Streamed, what: str) -> RequestFailedError:
        return RequestFailedError(
            f"{answer.where}: {what}", Category.TRANSIENT, connection=answer.host
        )
