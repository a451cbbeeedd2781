"""Signed media links that end after a while, in both forms that ClaimX hands out.

The ClaimX form carries ``systemDate`` (epoch milliseconds) and ``expires`` (milliseconds),
and redirects to the S3 form with ``X-Amz-Date`` and ``X-Amz-Expires`` (seconds). They are
signed by the wall clock, not by the world's: the client that gets a link checks it by its own.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, urlencode

from attrs import define

from claimx_pipeline.simulator.entities import Media

_AMZ_TIME = "%Y%m%dT%H%M%SZ"
_STRAIGHT_TO_S3 = ("mp4", "mov")
"""Videos are not redirected: their link is of the S3 form from the start."""


@define
class LinkSigner:
    """Makes links and tells whether they still hold."""

    site: str
    """Address under which the media host is reached."""
    ttl: timedelta = timedelta(hours=24)
    s3_ttl: timedelta = timedelta(minutes=5)
    """How long the target of a redirect holds."""
    secret: bytes = b"simulated"

    def link(self, media: Media, signed_at: datetime) -> str:
        """Return the link that the API gives for a file."""
        if media.extension in _STRAIGHT_TO_S3:
            return self.s3_link(media, signed_at, self.ttl)
        system_date = str(int(signed_at.timestamp() * 1000))
        expires = str(int(self.ttl.total_seconds() * 1000))
        sign = self._sign("claimx", media.media_id, system_date, expires)
        query = f"systemDate={system_date}&expires={expires}&sign={sign}"
        return f"{self.site}/media/{media.media_id}/{quote(media.name)}?{query}"

    def s3_link(self, media: Media, signed_at: datetime, ttl: timedelta | None = None) -> str:
        """Return a link of the S3 form."""
        date = signed_at.astimezone(UTC).strftime(_AMZ_TIME)
        expires = str(int((ttl or self.s3_ttl).total_seconds()))
        query = urlencode(
            {
                "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
                "X-Amz-Date": date,
                "X-Amz-Expires": expires,
                "X-Amz-SignedHeaders": "host",
                "X-Amz-Signature": self._sign("s3", media.media_id, date, expires),
            }
        )
        return f"{self.site}/media/s3/{media.media_id}/{quote(media.name)}?{query}"

    def refuses(self, media_id: int, query: Mapping[str, str], now: datetime) -> str | None:
        """Return why a link of the ClaimX form does not hold, None if it does."""
        date, expires = query.get("systemDate", ""), query.get("expires", "")
        if not self._genuine(query.get("sign"), "claimx", media_id, date, expires):
            return "signature does not match"
        signed_at = datetime.fromtimestamp(int(date) / 1000, UTC)
        ended = now >= signed_at + timedelta(milliseconds=int(expires))
        return "link has expired" if ended else None

    def refuses_s3(self, media_id: int, query: Mapping[str, str], now: datetime) -> str | None:
        """Return why a link of the S3 form does not hold, None if it does."""
        date, expires = query.get("X-Amz-Date", ""), query.get("X-Amz-Expires", "")
        if not self._genuine(query.get("X-Amz-Signature"), "s3", media_id, date, expires):
            return "SignatureDoesNotMatch"
        signed_at = datetime.strptime(date, _AMZ_TIME).replace(tzinfo=UTC)
        ended = now >= signed_at + timedelta(seconds=int(expires))
        return "Request has expired" if ended else None

    def _genuine(self, sign: str | None, form: str, media_id: int, *parts: str) -> bool:
        return hmac.compare_digest(
            (sign or "").encode(), self._sign(form, media_id, *parts).encode()
        )

    def _sign(self, form: str, media_id: int, *parts: str) -> str:
        message = "|".join((form, str(media_id), *parts)).encode()
        return hmac.digest(self.secret, message, hashlib.sha256).hex()
