"""What is known of each form that was sent: what iTel accepted, and what it did not answer.

Two topics keep it, since iTel runs without tables too. ``itel.cabinet.accepted`` has a message
per form and content that iTel accepted; ``itel.cabinet.sending`` has each request's body,
written before the request goes out, so that it can go out again in the same words.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import zlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, TypeVar

import msgspec
from attrs import define, evolve, field

from claimx_pipeline import OutRecord, Resources
from claimx_pipeline.stages import BrokerError, TopicLog
from itel_cabinet_plugin.submission.request import Request, StoredRequest, message_of
from itel_cabinet_plugin.topics import ACCEPTED, API_ATTEMPTS, SENDING

log = logging.getLogger(__name__)

T = TypeVar("T")
WAITING_BYTES: Final = 32 * 2**20
"""Bodies, compressed, of requests that iTel has not accepted."""


class Accepted(msgspec.Struct, kw_only=True):
    """A form that iTel accepted, as it is on ``itel.cabinet.accepted``."""

    form: str
    content: str
    idempotency_key: str
    body_hash: str
    assignment_id: int | None
    form_response_id: str | None
    project_id: str | None
    event_id: str | None
    itel_task_id: str | None
    status_code: int = 200
    accepted_at: datetime


@define
class Known:
    """What is remembered of an accepted form with one content."""

    content: int
    body: int
    other_key: str | None
    """Idempotency key, if it is not the form's own name."""
    itel_task_id: str | None
    status_code: int


@define
class _Waiting:
    """A request that iTel has not accepted; the body is compressed."""

    request: Request
    packed: bytes


@define(eq=False)
class FormLedger:
    """Knows the forms of the partitions that this member owns, and of all others.

    What other members learned is read when partitions change their owner, never per event.
    """

    forms_remembered: int
    """Accepted forms known at a time, the latest; 50,000 take some 20 MB."""
    waiting_bytes: int = WAITING_BYTES
    _accepted_log: TopicLog = field(factory=lambda: TopicLog(ACCEPTED), init=False)
    _sending_log: TopicLog = field(factory=lambda: TopicLog(SENDING), init=False)
    _attempts_log: TopicLog = field(factory=lambda: TopicLog(API_ATTEMPTS), init=False)
    _accepted: OrderedDict[int, list[Known]] = field(factory=OrderedDict, init=False)
    """By form."""
    _waiting: OrderedDict[str, dict[str, _Waiting]] = field(factory=OrderedDict, init=False)
    """By form, by content."""
    _bytes: int = field(default=0, init=False)
    _stale: bool = field(default=True, init=False)
    _reading: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    def open(self, resources: Resources) -> None:
        """Get ready; connects to nothing yet."""
        self._accepted_log.open(resources)
        self._sending_log.open(resources)
        self._attempts_log.open(resources)

    async def close(self) -> None:
        """Disconnect."""
        await self._accepted_log.close()
        await self._sending_log.close()
        await self._attempts_log.close()

    def assigned(self) -> None:
        """Note that others may have learned something that is not known here."""
        self._stale = True

    async def refresh(self) -> None:
        """Read what others have learned, if partitions have changed their owner.

        Raises:
            BrokerError: The broker does not answer.
        """
        async with self._reading:
            if not self._stale:
                return
            self._stale = False
            try:
                # The requests first: whatever was accepted of them by then is read after.
                requests = [
                    record.value async for record in self._sending_log.news() if record.value
                ]
                async for record in self._accepted_log.news():
                    if record.value and (accepted := _decoded(record.value, Accepted)):
                        self._remember(accepted)
            except BaseException:
                self._stale = True
                raise
            for value in requests:
                if stored := _decoded(value, StoredRequest):
                    self._keep(stored.request())

    def accepted(self, form: str, content: str) -> Known | None:
        """Return what is known if iTel accepted the form with this content, else None."""
        wanted = _digest(content)
        known = self._accepted.get(_digest(form), ())
        return next((each for each in known if each.content == wanted), None)

    def waiting(self, form: str, content: str) -> Request | None:
        """Return the request about a form with this content that iTel has not accepted."""
        kept = self._waiting.get(form, {}).get(content)
        return None if kept is None else _unpacked(kept)

    def members(self, request: Request) -> list[Request]:
        """Return all forms of the request that *request* was part of, in their order."""
        if not request.batch:
            return [request]
        found = [
            _unpacked(each)
            for form in request.batch
            for each in self._waiting.get(form, {}).values()
            if (each.request.batch, each.request.made_at) == (request.batch, request.made_at)
        ]
        return found if len(found) == len(request.batch) else [request]

    def key(self, form: str, body_hash: str) -> str:
        """Return the idempotency key of a form with this body.

        The form's own name, if nothing else went out under it: a key that is used for two
        bodies is refused by a strict receiver.
        """
        body = _digest(body_hash)
        known = self._accepted.get(_digest(form), [])
        waiting = [each.request for each in self._waiting.get(form, {}).values()]
        bodies = {each.body for each in known if each.other_key is None}
        bodies |= {_digest(each.body_hash) for each in waiting if each.key == form}
        if not known and not waiting:
            return form
        return form if body in bodies else f"{form}/{body_hash[:16]}"

    async def sending(self, requests: Sequence[Request]) -> None:
        """Keep what is about to be sent, before it is.

        Raises:
            BrokerError: The broker does not keep it; nothing may be sent.
        """
        await self._sending_log.append([message_of(each) for each in requests])
        for each in requests:
            self._keep(each)

    async def nothing_done(self, requests: Sequence[Request]) -> list[OutRecord]:
        """Note that iTel surely did nothing with *requests*.

        Returns:
            What the broker did not keep; the worker publishes it once it can.
        """
        done = [evolve(each, nothing_done=True) for each in requests]
        for request in done:
            self._keep(request)
        return await _appended(self._sending_log, [message_of(each) for each in done])

    async def accept(
        self,
        accepted: Sequence[Accepted],
        reports: Sequence[OutRecord],
        passed_on: Mapping[str, tuple[tuple[str, bytes], ...]],
    ) -> list[OutRecord]:
        """Note what iTel accepted.

        Args:
            accepted: The forms.
            reports: What is reported of their requests. It is published first: of a form that
                is known to be accepted nothing is sent and reported any more.
            passed_on: Headers of what is noted, by form.

        Returns:
            What the broker did not keep; the worker publishes it once it can.
        """
        records = []
        for each in accepted:
            self._remember(each)
            value = msgspec.json.encode(each)
            headers = passed_on.get(each.form, ())
            records.append(OutRecord(ACCEPTED.name, value, each.form.encode(), headers))
        if left := await _appended(self._attempts_log, reports):
            return left + records
        return await _appended(self._accepted_log, records)

    def _remember(self, accepted: Accepted) -> None:
        form = _digest(accepted.form)
        known = Known(
            _digest(accepted.content),
            _digest(accepted.body_hash),
            None if accepted.idempotency_key == accepted.form else accepted.idempotency_key,
            accepted.itel_task_id,
            accepted.status_code,
        )
        others = [each for each in self._accepted.pop(form, []) if each.content != known.content]
        self._accepted[form] = [*others, known]
        self._drop(accepted.form, accepted.content)
        while len(self._accepted) > self.forms_remembered:
            self._accepted.popitem(last=False)

    def _keep(self, request: Request) -> None:
        self._drop(request.form, request.content)
        if self.accepted(request.form, request.content) is not None:
            return  # sent again on purpose; it stays accepted whatever comes of that
        packed = zlib.compress(request.body, 1)
        kept = _Waiting(evolve(request, body=b""), packed)
        self._waiting.setdefault(request.form, {})[request.content] = kept
        self._bytes += len(packed)
        while self._bytes > self.waiting_bytes and len(self._waiting) > 1:
            oldest = next(iter(self._waiting))
            for content in list(self._waiting[oldest]):
                self._drop(oldest, content)
            log.warning(
                "form %s waits for iTel's acceptance, but more than %d MB of forms do: should it "
                "come again, it may go out in other words under the same key",
                oldest,
                self.waiting_bytes >> 20,
            )

    def _drop(self, form: str, content: str) -> None:
        contents = self._waiting.get(form, {})
        if (dropped := contents.pop(content, None)) is not None:
            self._bytes -= len(dropped.packed)
            if not contents:
                del self._waiting[form]


async def _appended(topic: TopicLog, records: Sequence[OutRecord]) -> list[OutRecord]:
    """Append *records*; return them if the broker does not take them now."""
    if not records:
        return []
    try:
        await topic.append(records)
    except BrokerError:
        log.warning(
            "%d messages for topic %s are published later; the broker does not take them now",
            len(records),
            topic.topic.name,
            exc_info=True,
        )
        return list(records)
    return []


def _decoded(value: bytes, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(value, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        log.warning("a message about a sent form cannot be read and is passed over: %s", error)
        return None


def _unpacked(kept: _Waiting) -> Request:
    return evolve(kept.request, body=zlib.decompress(kept.packed))


def _digest(text: str) -> int:
    """Return 63 bits of a hash: a small number, and no two forms share one by chance."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1
