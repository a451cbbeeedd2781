"""Signed links: when they end, and how a new one is got.

ClaimX hands out two forms. Its own carries ``systemDate`` (epoch milliseconds) and
``expires`` (milliseconds); links straight to S3 carry ``X-Amz-Date`` and ``X-Amz-Expires``
(seconds). What carries neither, or nothing readable, is not judged: the host will.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from attrs import define, field, frozen

from claimx_pipeline.claimx.api import Answered
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import RecordError
from claimx_pipeline.media.messages import FileMessage

logger = logging.getLogger(__name__)

_AMZ_TIME = "%Y%m%dT%H%M%SZ"
_MOST_DIGITS = 15
"""More than this is no time within the calendar, in milliseconds or seconds."""


class DeadLinkError(RecordError):
    """A link has ended or is refused, and no new one can be had."""


@frozen
class LinkTimes:
    """From when to when a link holds."""

    signed_at: datetime
    ends_at: datetime

    def ended(self, now: datetime) -> bool:
        """Tell whether the link holds no more."""
        return now >= self.ends_at

    def __str__(self) -> str:
        signed, ends = (f"{at:%Y-%m-%d %H:%M:%S} UTC" for at in (self.signed_at, self.ends_at))
        return f"signed at {signed}, ended at {ends}"


def times_of(link: str) -> LinkTimes | None:
    """Return when *link* was signed and ends; None if it does not say so in a known form."""
    try:
        pairs = parse_qsl(urlsplit(link).query, keep_blank_values=True)
    except ValueError:
        return None
    given = dict(pairs)
    # S3 takes its parameters in any case; ClaimX does not.
    amazon = {name.lower(): value for name, value in pairs}
    try:
        signed_at, holds = _claimx(given) or _s3(amazon) or (None, None)
        if signed_at is None or holds is None or holds <= timedelta(0):
            return None
        return LinkTimes(signed_at, signed_at + holds)
    except (ValueError, OverflowError):
        return None


def _claimx(query: Mapping[str, str]) -> tuple[datetime, timedelta] | None:
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
        raise ValueError(f"{text!r} is no whole number")
    return int(text)


class MediaApi(Protocol):
    """What is asked for a new link: ``ClaimxApi``."""

    async def media(self, project_id: int, media_ids: list[int]) -> Answered[list[dict[str, Any]]]:
        """Return those of *media_ids* that the project has."""
        ...


@define
class CurrentLink:
    """The link of one file while it is fetched; renewed when it has ended or is refused.

    A link is renewed once for nothing: a second refusal without a byte in between is final.
    """

    file: FileMessage
    _api: MediaApi
    _clock: Clock
    link: str = field(init=False)
    """The link to use."""
    renewals: int = field(default=0, init=False)
    """How often the media endpoint was asked."""
    _idle_renewals: int = field(default=0, init=False)

    def __attrs_post_init__(self) -> None:
        self.link = self.file.download_url

    async def fresh(self) -> str:
        """Return a link that has not ended; asks for a new one if need be.

        Raises:
            DeadLinkError: It has ended, and so has the new one, or there is none.
            RecordError: The API could not be asked.
        """
        times = times_of(self.link)
        if times is not None and times.ended(self._clock.now()):
            await self.renew(f"the link was {times}")
            renewed = times_of(self.link)
            if renewed is not None and renewed.ended(self._clock.now()):
                raise self._dead(f"the link was {times}; the new one was {renewed}")
        return self.link

    async def renew(self, why: str) -> None:
        """Ask the media endpoint for a new link.

        Args:
            why: What is wrong with the link there is, for the error.

        Raises:
            DeadLinkError: The endpoint was asked already without a byte since, or has no
                link for the file.
            RecordError: The API could not be asked.
        """
        if self._idle_renewals:
            raise self._dead(f"{why}; a new link was got before and did not help")
        project_id, media_id = self._number(self.file.project_id), self._number(self.file.media_id)
        if project_id is None or media_id is None:
            raise self._dead(
                f"{why}; its ids are no numbers, so the API cannot be asked for another"
            )
        self._idle_renewals += 1
        self.renewals += 1
        answered = await self._api.media(project_id, [media_id])
        found = next(
            (
                item["fullDownloadLink"]
                for item in answered.body
                if str(item.get("mediaID", item.get("mediaId"))) == str(media_id)
                and item.get("fullDownloadLink")
            ),
            None,
        )
        if not isinstance(found, str):
            raise self._dead(f"{why}; the API has no link for the file any more")
        logger.debug("file %s of project %s has a new link", media_id, project_id)
        self.link = found

    def worked(self) -> None:
        """Bytes came: should the link be refused later on, it may be renewed again."""
        self._idle_renewals = 0

    def _number(self, text: str) -> int | None:
        return int(text) if text.isascii() and text.isdigit() else None

    def _dead(self, why: str) -> DeadLinkError:
        return DeadLinkError(f"file {self.file.media_id} cannot be fetched: {why}")
