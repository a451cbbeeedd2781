"""What a host says about the bytes it sends: which version of a file, and which part of it."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

_CONTENT_RANGE = re.compile(r"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18})", re.IGNORECASE)
_DIGITS = re.compile(r"[0-9]{1,18}")
_WEAK = "W/"


@frozen
class Version:
    """One version of a file. Parts of two versions never belong together."""

    total: int
    """Bytes of the whole file."""
    validator: str
    """``ETag``, else ``Last-Modified``; a file without either is never fetched in parts."""

    @property
    def condition(self) -> str:
        """The value of ``If-Range``; empty if the validator may not be sent in one."""
        weak = self.validator[:2].upper() == _WEAK
        return "" if weak else self.validator


def validator_of(headers: Mapping[str, str]) -> str:
    """Return what tells this version of a file from others; empty if nothing does."""
    return headers.get("etag", "").strip() or headers.get("last-modified", "").strip()


def length_of(headers: Mapping[str, str]) -> int | None:
    """Return the bytes that the body should have; None if the host does not say."""
    length = headers.get("content-length", "").strip()
    return int(length) if _DIGITS.fullmatch(length) else None


def gives_parts(headers: Mapping[str, str]) -> bool:
    """Tell whether the host says that it sends parts of a file."""
    return headers.get("accept-ranges", "").strip().lower() == "bytes"


@frozen
class ByteRange:
    """The part of a file that an answer says it holds."""

    first: int
    """Index of its first byte."""
    last: int
    """Index of its last byte."""
    total: int
    """Bytes of the whole file."""

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> ByteRange | None:
        """Return the part; None if there is none that can be read."""
        found = _CONTENT_RANGE.fullmatch(headers.get("content-range", "").strip())
        if found is None:
            return None
        part = cls(int(found[1]), int(found[2]), int(found[3]))
        return part if part.first <= part.last < part.total else None

    @property
    def size(self) -> int:
        """Bytes of the part."""
        return self.last - self.first + 1
