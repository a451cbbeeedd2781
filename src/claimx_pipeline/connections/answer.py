"""What a service answered, and the error for an answer that is not a success."""

from __future__ import annotations

import http
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.connections.json_answer import NotJsonError, read_json
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.redaction import quoted, redacted

logger = logging.getLogger(__name__)

T = TypeVar("T")

_PACK, _UNPACK = msgspec.msgpack.Encoder().encode, msgspec.msgpack.Decoder().decode

MISSING = frozenset({404, 405})
"""Answers of a service that knows nothing of what was asked for, or of any such thing."""

_LONGEST_RETRY_AFTER = 30 * 24 * 3600.0
"""Seconds; no request waits for longer, so a header that asks for more says nothing."""
_OK, _UNAUTHORIZED, _TOO_MANY_REQUESTS, _REQUEST_TIMEOUT = 200, 401, 429, 408
_PROXY_LOGIN = 407


class NotJsonAnswerError(RecordError):
    """JSON was promised and something else came.

    ``permanent`` if the answer is whole and was meant to be JSON, or is too large to be read:
    it concerns this record. Else ``transient``: the service did not answer (a page, nothing, a
    part).
    """


@frozen
class Answer:
    """An answer, wholly read unless it was too large."""

    status: int
    """HTTP status."""
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes = field(repr=False)
    """Of an answer that was too large only the beginning, 4 MiB at most."""
    answered_at: datetime
    """When the last byte was read."""
    where: str = ""
    """Method and URL without its query, for error texts."""
    cut_at: int | None = None
    """Bytes that were read of an answer that is larger; None if it was read to its end."""
    _decoded: list[Any] = field(factory=list, init=False, repr=False, eq=False)

    def json(self, *, secrets: tuple[str, ...] = ()) -> Any:
        """Return the body as JSON; characters that JSON does not allow are replaced.

        Args:
            secrets: Values that the error's text must not hold.

        Raises:
            NotJsonAnswerError: It is not valid JSON. Transient if another try may get an answer.
        """
        if self.cut_at is not None:
            what = f"{self.where}: the answer is larger than {self.cut_at} bytes"
            raise NotJsonAnswerError(f"{what}; raise max_answer_bytes of its connection to read it")
        if not self._decoded:
            try:
                decoded, overlooked = read_json(self.body)
            except NotJsonError as error:
                shown = quoted(self.body, secrets=secrets) or "nothing"
                status = "" if self.status == _OK else f"answered {self.status}; "
                raise NotJsonAnswerError(
                    f"{self.where}: {status}the answer is not JSON ({error}): {shown}",
                    Category.PERMANENT if error.begun and self._framed else Category.TRANSIENT,
                ) from None  # the decoder's error adds nothing and is quoted
            if overlooked:
                logger.warning(
                    "%s: the answer is not valid JSON (%s); what cannot be read is replaced",
                    self.where,
                    overlooked,
                )
            self._decoded.append(decoded)
        return self._decoded[0]

    @property
    def _framed(self) -> bool:
        """Whether the answer says where it ends, so that a part of it is known as one."""
        chunked = "chunked" in self.headers.get("transfer-encoding", "").lower()
        return chunked or "content-length" in self.headers


@define
class RequestFailedError(RecordError):
    """A request got no answer, or one that is not a success."""

    connection: str = ""
    """Name of the connection."""
    answer: Answer | None = field(default=None, repr=False)
    """What came back, if anything did."""
    unsent: bool = False
    """Surely nothing reached the service: no connection to it could be made."""
    timed_out: bool = False
    """No answer came within the time that it may take."""

    @property
    def status(self) -> int | None:
        """Status of the answer; None if there was none."""
        return self.answer.status if self.answer else None

    def __str__(self) -> str:
        return self.reason


class UnreadableAnswerError(RequestFailedError):
    """A whole answer that was meant to be JSON cannot be read; worth one more try."""


def require_json(answer: Answer, *, connection: str, secrets: tuple[str, ...] = ()) -> None:
    """See that *answer* holds JSON.

    Raises:
        UnreadableAnswerError: It is whole and begins as JSON does, but cannot be read; one more
            request may bring a readable one.
        RequestFailedError: It is not JSON at all, which is the service's failure.
    """
    try:
        answer.json(secrets=secrets)
    except NotJsonAnswerError as error:
        worth_another = error.category is Category.PERMANENT and answer.cut_at is None
        kind = UnreadableAnswerError if worth_another else RequestFailedError
        category = Category.TRANSIENT if worth_another else error.category
        raise kind(error.reason, category, connection=connection, answer=answer) from None


def refusal(
    answer: Answer, *, connection: str, secrets: tuple[str, ...] = ()
) -> RequestFailedError:
    """Return the error for an answer that is not a success.

    Args:
        answer: What came back.
        connection: Name of the connection it came from.
        secrets: Values that the error's text must not hold.
    """
    category = category_of_status(answer.status)
    what = f"{answer.status} {_phrase(answer.status)}".strip()
    if location := answer.headers.get("location"):
        what += f" (to {redacted(location)}, not followed)"
    said = quoted(answer.body, secrets=secrets)
    reason = f"{answer.where}: answered {what}" + (f": {said}" if said else "")
    if answer.status == _PROXY_LOGIN:
        reason += "; check network.proxy_username and network.proxy_password"
    elif category is Category.AUTH:
        reason += f"; check the credential of connection {connection!r}"
    return RequestFailedError(
        reason,
        category,
        retry_after=retry_after(answer.headers.get("retry-after"), answer.answered_at),
        # A refused credential or too many requests: not a fault of this record.
        outage=category in {Category.AUTH, Category.THROTTLED},
        connection=connection,
        answer=answer,
    )


def category_of_status(status: int) -> Category:
    """Return how a record fails whose request was answered with *status*.

    A status that fits nowhere (304, an unasked-for 206) counts as transient: it comes
    from something between us and the service rather than from the record.
    """
    if status in {_UNAUTHORIZED, _PROXY_LOGIN}:
        return Category.AUTH
    if status == _TOO_MANY_REQUESTS:
        return Category.THROTTLED
    if 400 <= status < 500 and status != _REQUEST_TIMEOUT:  # noqa: PLR2004 - the class of client errors
        return Category.PERMANENT
    return Category.TRANSIENT


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return the seconds that a ``Retry-After`` header asks for (RFC 9110, 10.2.3).

    Args:
        value: The header: seconds, or a date. None if there is none.
        now: What a date is compared with.

    Returns:
        Seconds, not below 0; None without a header or with one that says nothing, be it
        unreadable or longer than a month.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        # A longer number is more than the longest wait, and may be too long to be read.
        wait = float(text) if len(text.lstrip("0")) < 10 else _LONGEST_RETRY_AFTER + 1  # noqa: PLR2004
    else:
        try:
            when = parsedate_to_datetime(text)
            aware = when if when.tzinfo else when.replace(tzinfo=UTC)
            wait = max(0.0, (aware - now).total_seconds())
        except (ValueError, OverflowError, TypeError, IndexError):
            # What the parser raises depends on how the text is broken.
            return None
    return wait if wait <= _LONGEST_RETRY_AFTER else None


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def is_missing(error: BaseException) -> bool:
    """Return whether *error* is a 404 or 405."""
    return isinstance(error, RequestFailedError) and error.status in MISSING


def connection_of(error: BaseException) -> str | None:
    """Return the name of the connection that *error* came from; None if from none."""
    return error.connection if isinstance(error, RequestFailedError) else None


@frozen
class Answered(Generic[T]):
    """What the API said, and when."""

    body: T
    """The answer."""
    answered_at: datetime
    """When the service answered, the clock's time."""

    def packed(self) -> Callable[[], Answered[T]]:
        """Return what gives an equal answer each time it is called.

        It keeps JSON as bytes, which take a sixth of the memory of dicts and texts.
        """
        try:
            body = _PACK(self.body)
        except (TypeError, ValueError, OverflowError, RecursionError):
            return lambda: self  # such as a whole number of more than 64 bits
        # Without a reference to this object, which would keep the answer itself.
        made, answered_at = type(self), self.answered_at
        return lambda: made(_UNPACK(body), answered_at)
