"""The bytes of a media file: the same for one id at all times, and any part of them."""

from __future__ import annotations

from random import Random

from attrs import frozen

from claimx_pipeline.simulator.entities import Media

_BLOCK = 64 * 1024
_TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "pdf": "application/pdf",
    "mp4": "video/mp4",
}
_BEGINNINGS = {
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "png": b"\x89PNG\r\n\x1a\n",
    "pdf": b"%PDF-1.7\n",
    "mp4": b"\x00\x00\x00\x18ftypmp42",
}
_SMALLEST, _LARGEST = 600, 6_000


@frozen
class Content:
    """One file's bytes, made as they are read."""

    size: int
    """Bytes."""
    content_type: str
    block: bytes
    """Repeated until the size is reached."""
    beginning: bytes

    def read(self, start: int, stop: int) -> bytes:
        """Return the bytes from *start* up to *stop*, which is within the size."""
        first = start // _BLOCK
        rounds = stop // _BLOCK - first + 1
        body = (self.block * rounds)[start - first * _BLOCK : stop - first * _BLOCK]
        head = self.beginning[start:stop]
        return head + body[len(head) :]


def content_of(media: Media, size: int | None = None) -> Content:
    """Return the bytes of *media*: *size* of them, or a few thousand if none is given."""
    rng = Random(media.media_id)  # noqa: S311 - no secret
    drawn = rng.randint(_SMALLEST, _LARGEST)
    size = drawn if size is None else size
    beginning = _BEGINNINGS[media.extension]
    block = rng.randbytes(min(size, _BLOCK))
    return Content(size, _TYPES[media.extension], block, beginning)
