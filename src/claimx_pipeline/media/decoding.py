"""Unpacks bodies that were compressed although the request did not ask for it."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from attrs import define, field

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.stream import Streamed
from claimx_pipeline.errors import Category

_PIECE_BYTES = 1024 * 1024
"""What comes out at once at most, however little went in."""


def encoding_of(answer: Streamed) -> str:
    """Return how the body of *answer* is packed; ``identity`` if it is not."""
    return answer.headers.get("content-encoding", "").strip().lower() or "identity"


@define
class Decoder:
    """Unpacks one body, in bounded memory."""

    where: str
    host: str
    _unpack: zlib._Decompress = field(factory=lambda: zlib.decompressobj(32 + zlib.MAX_WBITS))

    @classmethod
    def of(cls, answer: Streamed) -> Decoder | None:
        """Return the decoder for *answer*; None if it is not compressed.

        Raises:
            RequestFailedError: It is in a way that is not known; transient.
        """
        encoding = encoding_of(answer)
        if encoding == "identity":
            return None
        if encoding not in {"gzip", "x-gzip", "deflate"}:
            what = f"{answer.where}: the answer is encoded as {encoding!r}, which was not requested"
            raise RequestFailedError(what, Category.TRANSIENT, connection=answer.host)
        return cls(answer.where, answer.host)

    @property
    def ended(self) -> bool:
        """Whether the compressed data came to their end."""
        return self._unpack.eof

    def add(self, piece: bytes) -> Iterator[bytes]:
        """Yield what *piece* unpacks to.

        Raises:
            RequestFailedError: It is not what it says; transient.
        """
        rest = piece
        while rest:
            try:
                yield self._unpack.decompress(rest, _PIECE_BYTES)
            except zlib.error as error:
                what = f"{self.where}: the compressed answer cannot be read: {error}"
                raise RequestFailedError(what, Category.TRANSIENT, connection=self.host) from error
            rest = self._unpack.unconsumed_tail
