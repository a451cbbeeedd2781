"""Signed links: when they end, and how a new one is got.

Two forms are known. One carries ``systemDate`` (epoch milliseconds) and ``expires``
(milliseconds); links straight to S3 carry ``X-Amz-Date`` and ``X-Amz-Expires`` (seconds).
What carries neither, or nothing readable, is not judged: the host will.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.errors import RecordError
from claimx_pipeline.media.messages import FileMessage

logger = logging.getLogger(__name__)

_AMZ_TIME = "%Y%m%dT%H%M%SZ"
_MOST_DIGITS = 15
"""More digits than this are not a time within the calendar, in milliseconds or seconds."""


class DeadLinkError(RecordError):
    """A link has ended or is refused, and no new one can be had."""


@define
class RenewalFailedError(RequestFailedError):
    """The API could not be asked for a new link; says nothing about the link's host."""


@frozen
class LinkTimes:
    """From when to when a link holds."""

    signed_at: datetime
    """When the link was signed."""
    ends_at: datetime
    """When it ends."""

    def ended(self, now: datetime) -> bool:
        """Tell whether the link holds no more."""
        return now >= self.ends_at

    def __str__(self) -> str:
        signed, ends = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (self.signed_at, self.ends_at))
        return f"signed at {signed} and holds until {ends}"


def times_of(link: str) -> LinkTimes | None:
    """Return when *link* was signed and ends; None if it does not say so in a known form."""
    try:
        pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True)
    except ValueError:
        return None
    given = dict(pairs)
    # S3 takes its parameters in any case; the other form has one spelling.
    amazon = {name.lower(): value for name, value in pairs}
    try:
        signed_at, holds = _milliseconds(given) or _s3(amazon) or (None, None)
        if signed_at is None or holds is None or holds <= timedelta(0):
            return None
        return LinkTimes(signed_at, signed_at + holds)
    except (ValueError, OverflowError):
        return None


def _milliseconds(query: Mapping[str, str]) -> tuple[datetime, timedelta] | None:
    if not {"systemDate", "expires"} <= query.keys():
        return None
    milliseconds = timedelta(milliseconds=1)
    signed_at = datetime.fromtimestamp(0, UTC) + milliseconds * _whole(query["systemDate"])
    return signed_at, milliseconds * _whole(query["expires"])


def _s3(query: Mapping[str, str]) -> tuple[datetime, timedelta] | None:
    if not {"x-amz-date", "x-amz-expires"} <= query.keys():
        return None
    signed_at = datetime.strptime(query["x-amz-date"], _AMZ_TIME).replace(tzinfo=UTC)
    return signed_at, timedelta(seconds=_whole(query["x-amz-expires"]))


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise ValueError(f"{text!r} is not a whole number")
    return int(text)


class LinkSource(Protocol):
    """What is asked for a new link when one has ended: an API of the domain."""

    def why_not(self, file: FileMessage) -> str:
        """Return why it cannot be asked about *file*; empty if it can."""
        ...

    async def new_link(self, file: FileMessage) -> str | None:
        """Return a new link to *file*; None if there is none any more.

        Raises:
            RequestFailedError: It could not be asked.
        """
        ...

    async def close(self) -> None:
        """Release what was opened."""
        ...


@define
class CurrentLink:
    """The link of one file while it is fetched; renewed when it has ended or is refused.

    A link is renewed once without success: a second refusal without a byte in between is final.
    Without a source of links none is renewed.
    """

    file: FileMessage
    _source: LinkSource | None
    _clock: Clock
    link: str = field(init=False)
    """The link to use."""
    renewals: int = field(default=0, init=False)
    """How often the source was asked."""
    _idle_renewals: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.link = self.file.download_url

    @property
    def shown(self) -> str:
        """The request for the file, without the link's query: fit for an error."""
        return f"GET {self.link.partition('?')[0]}"

    @property
    def renewable(self) -> bool:
        """Whether a new link may be asked for: none was since the last bytes came."""
        return self._idle_renewals == 0

    async def fresh(self) -> str:
        """Return a link that has not ended; asks for a new one if need be.

        Raises:
            DeadLinkError: It has ended, and so has the new one, or there is none.
            RenewalFailedError: The API could not be asked.
        """
        if self._ended():
            await self.renew("the link has ended")
            if self._ended():
                raise self._dead("the link had ended, and so has the new one")
        return self.link

    async def renew(self, why: str) -> None:
        """Ask for a new link.

        Args:
            why: What is wrong with the link there is, for the error.

        Raises:
            DeadLinkError: The source was asked already without a byte since, it has no link
                for the file, or there is no source.
            RenewalFailedError: The source could not be asked.
        """
        source = self._source
        if source is None:
            raise self._dead(f"{why}; nothing hands out new links to the files of its domain")
        if not self.renewable:
            raise self._dead(f"{why}; a new link was got before and did not help")
        if refusal := source.why_not(self.file):
            raise self._dead(f"{why}; {refusal}, so no other can be asked for")
        self._idle_renewals += 1
        self.renewals += 1
        found = await self._ask(source)
        if found is None:
            raise self._dead(f"{why}; the API has no link for the file any more")
        logger.debug("file %s of %s has a new link", self.file.media_id, self.file.key)
        self.link = found

    async def _ask(self, source: LinkSource) -> str | None:
        try:
            return await source.new_link(self.file)
        except RequestFailedError as error:
            raise RenewalFailedError(
                f"no new link for file {self.file.media_id}: {error.reason}",
                error.category,
                error.retry_after,
                error.outage,
                error.connection,
                error.answer,
            ) from error

    def worked(self) -> None:
        """Bytes came: should the link be refused later on, it may be renewed again."""
        self._idle_renewals = 0

    def _ended(self) -> bool:
        times = times_of(self.link)
        return times is not None and times.ended(self._clock.now())

    def _dead(self, why: str) -> DeadLinkError:
        times = times_of(self.link)
        shown = f"; the link was {times}" if times else ""
        return DeadLinkError(f"file {self.file.media_id} cannot be fetched: {why}{shown}")
