"""Unpacks a body piece by piece, so that a few bytes cannot fill the memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from attrs import define, field

_PIECE_BYTES = 256 * 1024
"""What comes out at once at most, however little went in."""

_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_KNOWN = frozenset({"gzip", "x-gzip", "deflate"})


class UnpackingError(Exception):
    """The body is not packed as it says."""


@define
class Unpacking:
    """One packed body, on its way; gzip may consist of several members."""

    encoding: str
    _unpack: zlib._Decompress = field(init=False)
    _begun: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB)

    @classmethod
    def of(cls, content_encoding: str) -> Unpacking | None:
        """Return how to unpack a body with this ``Content-Encoding``; None if it is not packed.

        Raises:
            UnpackingError: It is packed in a way that was not asked for.
        """
        encoding = content_encoding.strip().lower()
        if encoding in {"", "identity"}:
            return None
        if encoding not in _KNOWN:
            raise UnpackingError(f"it is encoded as {encoding[:40]!r}, which was not requested")
        return cls(encoding)

    @property
    def ended(self) -> bool:
        """Whether the packed data came to their end."""
        return self._unpack.eof

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Yield what *piece* unpacks to, in pieces.

        Raises:
            UnpackingError: It is not what it says.
        """
        rest = piece
        while rest:
            if self._unpack.eof:
                if self.encoding == "deflate" or not rest.strip(b"\0"):
                    return  # padding behind the end
                self._unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
            yield self._next(rest)
            rest = self._unpack.unused_data if self._unpack.eof else self._unpack.unconsumed_tail

    def _next(self, rest: bytes) -> bytes:
        try:
            unpacked = self._unpack.decompress(rest, _PIECE_BYTES)
        except zlib.error as error:
            if self._begun or self.encoding != "deflate":
                raise UnpackingError(f"it cannot be unpacked: {error}") from None
            # Some servers send deflate without the zlib header that it should have.
            self._begun, self._unpack = True, zlib.decompressobj(-zlib.MAX_WBITS)
            return self._next(rest)
        self._begun = True
        return unpacked
