"""New links for files whose link has ended: the media endpoint has them."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.media.messages import FileMessage
from claimx_pipeline.values import integer

_LONGEST_ID = 18
"""Digits; a longer text is not an id of ClaimX, and Python may refuse to read it."""


@frozen
class ClaimxLinks:
    """Asks the media endpoint for the link of one file."""

    _api: ClaimxApi

    def why_not(self, file: FileMessage) -> str:
        """Return why it cannot be asked about *file*: its ids are not ClaimX's."""
        if _number(file.key) is None or _number(file.media_id) is None:
            return "its ids are not numbers"
        return ""

    async def new_link(self, file: FileMessage) -> str | None:
        """Return a new link to *file*; None if ClaimX has none.

        Raises:
            RequestFailedError: The API could not be asked.
        """
        project_id, media_id = int(file.key), int(file.media_id)
        answered = await self._api.media(project_id, [media_id])
        for item in answered.body:
            link = item.get("fullDownloadLink")
            if _same_id(item.get("mediaID", item.get("mediaId")), media_id) and link:
                return str(link)
        return None

    async def close(self) -> None:
        """Close the API client."""
        await self._api.close()


def _same_id(given: Any, media_id: int) -> bool:
    try:
        return integer(given) == media_id
    except ValueError:
        return False


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _LONGEST_ID else None
