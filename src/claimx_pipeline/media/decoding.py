"""Unpacks bodies that were compressed although the request did not ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from attrs import define, field

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.stream import Streamed
from claimx_pipeline.errors import Category

IDENTITY = "identity"
"""Not packed."""

_PIECE_BYTES = 1024 * 1024
"""What comes out at once at most, however little went in."""
_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_ZLIB_WINDOW = zlib.MAX_WBITS
_RAW_WINDOW = -zlib.MAX_WBITS


def encoding_of(answer: Streamed) -> str:
    """Return how the body of *answer* is packed, by all its headers; ``identity`` if not."""
    given = ",".join(answer.values("content-encoding")).lower().split(",")
    packed = [each.strip() for each in given if each.strip() not in ("", IDENTITY)]
    return ", ".join(packed) or IDENTITY


@define
class Decoder:
    """Unpacks one body, in bounded memory.

    A gzip file may have several members, one behind the other: all of them are the file.
    """

    encoding: str
    where: str
    host: str
    _member: zlib._Decompress | None = field(default=None, init=False)
    _held: bytes = field(default=b"", init=False)
    """Too few bytes to tell what they begin."""
    _members: int = field(default=0, init=False)
    """How many came to their end."""
    _only_one: bool = field(default=False, init=False)

    @classmethod
    def of(cls, answer: Streamed) -> Decoder | None:
        """Return the decoder for *answer*; None if it is not compressed.

        Raises:
            RequestFailedError: It is in a way that is not known; transient.
        """
        encoding = encoding_of(answer)
        if encoding == IDENTITY:
            return None
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            what = f"{answer.where}: the answer is encoded as {encoding!r}, which was not requested"
            raise RequestFailedError(what, Category.TRANSIENT, connection=answer.host)
        return cls(encoding, answer.where, answer.host)

    @property
    def ended(self) -> bool:
        """Whether the compressed data came to their end, each member of them."""
        return self._members > 0 and self._member is None and not self._held

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Yield what *piece* unpacks to.

        Raises:
            RequestFailedError: It is not what it says; transient.
        """
        rest, self._held = self._held + piece, b""
        full = False
        while rest or full:
            if self._member is None:
                if len(rest) < len(_GZIP_MAGIC):
                    self._held = rest
                    return
                self._member = self._begun(rest[: len(_GZIP_MAGIC)])
            try:
                unpacked = self._member.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                raise self._unreadable(str(error)) from error
            if unpacked:
                yield unpacked
            if self._member.eof:
                rest, full = self._member.unused_data, False
                self._member, self._members = None, self._members + 1
            else:
                # A full piece may have left more inside than the bytes that went in.
                rest, full = self._member.unconsumed_tail, len(unpacked) == _PIECE_BYTES

    def _begun(self, first: bytes) -> zlib._Decompress:
        """Return what unpacks the member that begins with the two bytes *first*."""
        if first == _GZIP_MAGIC and not self._only_one:
            return zlib.decompressobj(_GZIP_WINDOW)
        if self._members:
            raise self._unreadable(f"something else follows its end: {first!r}")
        self._only_one = True
        if first[0] & 0x0F == zlib.DEFLATED and int.from_bytes(first, "big") % 31 == 0:
            return zlib.decompressobj(_ZLIB_WINDOW)
        if self.encoding != "deflate":
            raise self._unreadable(f"it begins with {first!r}")
        # "deflate" means the zlib format, but some hosts omit its header.
        return zlib.decompressobj(_RAW_WINDOW)

    def _unreadable(self, why: str) -> RequestFailedError:
        what = f"{self.where}: the compressed answer cannot be read: {why}"
        return RequestFailedError(what, Category.TRANSIENT, connection=self.host)
