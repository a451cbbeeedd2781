"""What a service answered, and the error for an answer that is not a success."""

from __future__ import annotations

import http
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.connections.redact import quoted, redacted
from claimx_pipeline.errors import Category, RecordError

T = TypeVar("T")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_UNAUTHORIZED, _TOO_MANY_REQUESTS, _REQUEST_TIMEOUT = 401, 429, 408


@frozen
class Answer:
    """An answer, wholly read."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    body: bytes = field(repr=False)
    answered_at: datetime
    """When the last byte was read."""
    where: str = ""
    """Method and URL without its query, for error texts."""

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            RecordError: It is not valid JSON; transient, as another try may get a whole answer.
        """
        try:
            return msgspec.json.decode(self.body.removeprefix(_BYTE_ORDER_MARK))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            shown = quoted(self.body) or "nothing"
            raise RecordError(
                f"{self.where}: the answer is not JSON ({error}): {shown}", Category.TRANSIENT
            ) from None  # the decoder's error adds nothing and is quoted


@define
class RequestFailedError(RecordError):
    """A request got no answer, or one that is not a success."""

    connection: str = ""
    """Name of the connection."""
    answer: Answer | None = field(default=None, repr=False)
    """What came back, if anything did."""
    unsent: bool = False
    """Surely nothing reached the service: no connection to it could be made."""

    @property
    def status(self) -> int | None:
        """Status of the answer; None if there was none."""
        return self.answer.status if self.answer else None

    def __str__(self) -> str:
        return self.reason


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
    if category is Category.AUTH:
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
    if status == _UNAUTHORIZED:
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
        Seconds, not below 0; None without a header or with one that says nothing.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        when = parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = when if when.tzinfo else when.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _phrase(status: int) -> str:
    try:
        return http.HTTPStatus(status).phrase
    except ValueError:
        return ""


def connection_of(error: BaseException) -> str | None:
    """Return the name of the connection that *error* came from; None if from none."""
    return error.connection if isinstance(error, RequestFailedError) else None


@frozen
class Answered(Generic[T]):
    """What the API said, and when."""

    body: T
    answered_at: datetime
