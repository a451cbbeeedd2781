"""Events from a file as people have them: one per line, or compressed, in an array, spread out.

What a file is its first bytes say, not its name. What cannot be read is said in one sentence
with what to do; a line that is not an event is the caller's to report.
"""

from __future__ import annotations

import codecs
import json
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

import msgspec

from claimx_pipeline.errors import UsageError

MOST_DOCUMENT_BYTES = 256 * 1024 * 1024
"""A file that is one JSON document is read as a whole, up to this size."""

_PIECE_BYTES = 1 << 20
_GZIP = b"\x1f\x8b"
_BLANK = b" \t\r\n\x0b\x0c"
_UTF8_MARK = codecs.BOM_UTF8
_ENCODINGS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"{\0\0\0", "utf-32-le"),
    (b"\0\0\0{", "utf-32-be"),
    (b"{\0", "utf-16-le"),
    (b"\0{", "utf-16-be"),
    (b"[\0", "utf-16-le"),
    (b"\0[", "utf-16-be"),
)
_FOREIGN = (
    (b"PK\x03\x04", "a ZIP archive; unpack it first"),
    (b"BZh", "compressed with bzip2; unpack it first, with 'bunzip2'"),
    (b"\xfd7zXZ", "compressed with xz; unpack it first, with 'unxz'"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd; unpack it first, with 'unzstd'"),
    (b"7z\xbc\xaf", "a 7z archive; unpack it first"),
    (b"PAR1", "a Parquet file; write its rows as JSON, one per line"),
    (b"Obj\x01", "an Avro file; write its records as JSON, one per line"),
    (b"SQLite format 3", "a SQLite database; name a file of events"),
)
_Text = tuple[int, bytes]
"""A number of a line, from 1, and the text that begins there."""


def event_texts(lines: Iterable[bytes]) -> Iterator[_Text]:
    """Yield the JSON texts in *lines*, a file's or a list's, each with its line number.

    One per line; or the elements of an array, or texts that are spread over lines. All of it may
    be compressed with gzip, and UTF-8, UTF-16 or UTF-32 with any line ends.

    Raises:
        UsageError: It is something else, or damaged.
    """
    going = iter(lines)
    first = next(going, b"")
    if first.startswith(_GZIP):
        yield from event_texts(_split(_unpacked(chain([first], going))))
        return
    for magic, what in _FOREIGN:
        if first.startswith(magic):
            raise UsageError(f"is {what}; nothing was published")
    for mark, encoding in _ENCODINGS:
        if first.startswith(mark):
            yield from _texts(_split(_in_utf8(chain([first], going), encoding)))
            return
    if b"\0" in first:
        raise UsageError(
            "is not a file of JSON: it holds zero bytes; write events as JSON, one per line; "
            "nothing was published"
        )
    yield from _texts(chain([first.removeprefix(_UTF8_MARK)], going))


def _texts(lines: Iterator[bytes]) -> Iterator[_Text]:
    """Yield the texts of *lines*, which are UTF-8."""
    number, first = 0, b""
    for number, first in enumerate(lines, 1):  # noqa: B007 - the last one is used
        if first.strip(_BLANK):
            break
    start = first.strip(_BLANK)
    if start.startswith(b"[") or (start.startswith(b"{") and not _is_whole(start)):
        yield from _document(number, first, lines)
        return
    yield number, first
    yield from enumerate(lines, number + 1)


def _is_whole(text: bytes) -> bool:
    """Return whether *text* is as good as one JSON text: more lines would not make it better."""
    try:
        msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        return not any(sign in str(error) for sign in ("truncated", "trailing"))
    except (RecursionError, UnicodeDecodeError):
        return True
    return True


def _document(number: int, first: bytes, lines: Iterator[bytes]) -> Iterator[_Text]:
    """Yield the texts of a file in which not every line is a text of its own."""
    kept = [first]
    size = len(first)
    for line in lines:
        kept.append(line if line.endswith(b"\n") else line + b"\n")
        size += len(line)
        if size > MOST_DOCUMENT_BYTES:
            raise UsageError(
                f"is one JSON document of more than {MOST_DOCUMENT_BYTES >> 20} MiB; write its "
                "events one per line, with 'jq -c .[]' for an array; nothing was published"
            )
    whole = b"".join(kept)
    texts: list[_Text] = []
    try:
        texts.extend(_parts(whole.decode("utf-8"), number))
    except (ValueError, RecursionError) as error:
        if whole.lstrip(_BLANK).startswith(b"["):
            raise UsageError(
                f"is a JSON array that cannot be read{_where(error, number)}; repair it, or write "
                "its events one per line; nothing was published"
            ) from error
        # Not spread over lines either: each line counts by itself.
        texts = [*enumerate(kept, number)]
    yield from texts


def _parts(text: str, number: int) -> Iterator[_Text]:
    """Yield each JSON text in *text*, the elements of arrays one by one.

    Raises:
        ValueError: One is not JSON.
    """
    decoder = json.JSONDecoder()
    position, counted = 0, 0
    depth = False
    while True:
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
        if position == len(text):
            if depth:
                raise json.JSONDecodeError("the array does not end", text, position)
            return
        sign = text[position]
        if not depth and sign == "[":
            depth, position = True, _element(text, position + 1)
            continue
        if depth and sign == "]":
            depth, position = False, position + 1
            continue
        number += text.count("\n", counted, position)
        counted = position
        _, end = decoder.raw_decode(text, position)
        yield number, msgspec.json.format(text[position:end].encode(), indent=-1)
        position = _after_element(text, end) if depth else end


def _element(text: str, position: int) -> int:
    while position < len(text) and text[position] in " \t\r\n":
        position += 1
    return position


def _after_element(text: str, position: int) -> int:
    """Return where the next element, or the end of the array, begins."""
    position = _element(text, position)
    if text.startswith(",", position):
        following = _element(text, position + 1)
        if not text.startswith("]", following):
            return following
    elif text.startswith("]", position):
        return position
    raise json.JSONDecodeError("expected ',' or ']'", text, position)


def _where(error: Exception, number: int) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f" (line {error.lineno + number - 1}: {error.msg})"
    if isinstance(error, UnicodeDecodeError):
        return f" (byte {error.start} is not UTF-8)"
    return " (it is nested too deeply)" if isinstance(error, RecursionError) else ""


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield what *chunks*, one or more gzip members, unpack to, in pieces.

    Raises:
        UsageError: They are damaged or cut off.
    """
    member: zlib._Decompress | None = None
    ended = False
    try:
        for chunk in chunks:
            data = chunk
            while data:
                if member is None:
                    if ended and not data.strip(b"\0"):
                        break  # padding behind the last member
                    member = zlib.decompressobj(wbits=31)
                piece = member.decompress(data, _PIECE_BYTES)
                yield piece
                while len(piece) == _PIECE_BYTES and not (member.eof or member.unconsumed_tail):
                    piece = member.decompress(b"", _PIECE_BYTES)
                    yield piece
                data = member.unconsumed_tail
                if member.eof:
                    data, member, ended = member.unused_data, None, True
    except zlib.error as error:
        raise UsageError(
            f"is compressed with gzip and damaged ({error}); nothing was published"
        ) from error
    if member is not None:
        raise UsageError("is compressed with gzip and cut off; nothing was published")


def _in_utf8(chunks: Iterable[bytes], encoding: str) -> Iterator[bytes]:
    """Yield *chunks*, text in *encoding*, as UTF-8.

    Raises:
        UsageError: They are not.
    """
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8")
        yield decoder.decode(b"", final=True).encode("utf-8")
    except UnicodeError as error:
        raise UsageError(
            f"looks like {encoding.upper()} and is damaged; write it in UTF-8; nothing was "
            "published"
        ) from error


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of *chunks*.

    Raises:
        UsageError: One is too long to be an event.
    """
    kept: list[bytes] = []
    size = 0
    for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for line in whole:
            yield b"".join([*kept, line, b"\n"])
            kept, size = [], 0
        if rest:
            kept.append(rest)
            size += len(rest)
        if size > MOST_DOCUMENT_BYTES:
            raise UsageError(
                f"holds a line of more than {MOST_DOCUMENT_BYTES >> 20} MiB; write events as JSON, "
                "one per line; nothing was published"
            )
    if kept:
        yield b"".join(kept)
