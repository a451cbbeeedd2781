"""What a file may be: one table of extensions, content types and first bytes."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import frozen

from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.redaction import redacted

HEAD_BYTES = 1024
"""As many first bytes as the checks look at."""

QUOTED_BYTES = 200
"""As many first bytes of a refused file are shown in its error."""

_EXTENSION = re.compile(r"\.([A-Za-z][A-Za-z0-9]{0,5}|[0-9][A-Za-z][A-Za-z0-9]{0,3})\s*\Z")
"""At most six characters, one of the first two alphabetic; ``Photo 1.2`` has none."""

_NAMING_PARAMETERS = ("filename", "file", "name")
_ANY_TYPE = frozenset({"", "application/octet-stream", "binary/octet-stream"})
"""What servers send that do not know the type; the extension then decides."""
_PAGE = re.compile(rb"\s*(?:<!doctype\s+html|<html|<head|<body)", re.IGNORECASE)
_BYTE_ORDER_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")

Looks = Callable[[bytes], bool]


def _starts(*beginnings: bytes) -> Looks:
    return lambda head: head.startswith(beginnings)


def _is_pdf(head: bytes) -> bool:
    # Some writers put a few bytes before it, and readers allow that.
    return b"%PDF-" in head


def _is_webp(head: bytes) -> bool:
    return head.startswith(b"RIFF") and head[8:12] == b"WEBP"


def _is_movie(head: bytes) -> bool:
    return head[4:8] in {b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"pnot", b"uuid"}


def _is_text(head: bytes) -> bool:
    return head.startswith(_BYTE_ORDER_MARKS[1:]) or b"\x00" not in head


def _is_xml(head: bytes) -> bool:
    if head.startswith(_BYTE_ORDER_MARKS[1:]):
        return True
    return head.removeprefix(_BYTE_ORDER_MARKS[0]).lstrip().startswith(b"<")


def _anything(_: bytes) -> bool:
    return True


_OLE, _ZIP = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"PK\x03\x04"


@frozen
class FileType:
    """One kind of file."""

    extensions: tuple[str, ...]
    content_types: tuple[str, ...]
    """Allowed beside those that say nothing; the first is what the file is stored as."""
    looks: Looks
    """Tells by the first bytes, at most ``HEAD_BYTES``, whether a file is of this kind."""
    may_be_page: bool = False
    """An HTML page may be what was asked for, not an error sent as one."""


_OFFICE = "application/vnd.openxmlformats-officedocument"
_EXCEL = "application/vnd.ms-excel"

FILE_TYPES = (
    FileType(("pdf",), ("application/pdf", "application/x-pdf"), _is_pdf),
    FileType(("jpg", "jpeg"), ("image/jpeg", "image/jpg", "image/pjpeg"), _starts(b"\xff\xd8\xff")),
    FileType(("png",), ("image/png", "image/x-png"), _starts(b"\x89PNG\r\n\x1a\n")),
    FileType(("gif",), ("image/gif",), _starts(b"GIF87a", b"GIF89a")),
    FileType(("bmp",), ("image/bmp", "image/x-ms-bmp", "image/x-bmp"), _starts(b"BM")),
    FileType(
        ("tif", "tiff"), ("image/tiff",), _starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
    ),
    FileType(("webp",), ("image/webp",), _is_webp),
    FileType(("mov",), ("video/quicktime", "video/mp4"), _is_movie),
    FileType(("mp4",), ("video/mp4", "application/mp4", "video/quicktime"), _is_movie),
    FileType(("xml",), ("application/xml", "text/xml"), _is_xml),
    FileType(("txt",), ("text/plain",), _is_text),
    FileType(("csv",), ("text/csv", "text/plain", "application/csv", _EXCEL), _is_text),
    FileType(("json",), ("application/json", "text/json", "text/plain"), _is_text),
    FileType(("html", "htm"), ("text/html", "application/xhtml+xml"), _is_text, may_be_page=True),
    # Older programs save tables and documents as pages or text and still call them so.
    FileType(
        ("xls",),
        (_EXCEL, "application/msexcel", "application/x-msexcel"),
        _anything,
        may_be_page=True,
    ),
    FileType(("xlsx",), (f"{_OFFICE}.spreadsheetml.sheet", _EXCEL), _starts(_ZIP, _OLE)),
    FileType(("doc",), ("application/msword",), _starts(_OLE, _ZIP, b"{\\rtf")),
    FileType(
        ("docx",),
        (f"{_OFFICE}.wordprocessingml.document", "application/msword"),
        _starts(_ZIP, _OLE),
    ),
    # Xactimate's own; nothing is known of its first bytes.
    FileType(("esx",), ("application/x-esx", "application/esx", "application/zip"), _anything),
)
"""Every kind of file that is fetched."""


_UNSPECIFIC = (_is_text, _is_xml, _anything)


class FileRefusedError(RecordError):
    """A file is not what it is called."""


def type_of_extension(extension: str) -> FileType | None:
    """Return the kind of file that *extension*, lower case and without its dot, means."""
    return next((kind for kind in FILE_TYPES if extension in kind.extensions), None)


def extension_of(file_name: str, link: str) -> str | None:
    """Return a file's extension, lower case: from its name, else from its link.

    In a link the path comes first, then the parameters ``filename``, ``file`` and ``name``.
    None if nothing there looks like an extension.
    """
    for name in (file_name, *_names_in(link)):
        if found := _EXTENSION.search(name):
            return found[1].lower()
    return None


def _names_in(link: str) -> tuple[str, ...]:
    try:
        parts = urlsplit(link)
        query = dict(parse_qsl(parts.query))
    except ValueError:
        return ()  # it is refused as soon as it is to be followed
    return (unquote(parts.path), *(query.get(name, "") for name in _NAMING_PARAMETERS))


def expected_type(file_name: str, link: str, file_type: str = "") -> FileType | None:
    """Return the kind of file to expect; None if only the answer can tell.

    Args:
        file_name: What the file is called.
        link: Where it is.
        file_type: What the domain's source says it is; the last to be looked at.

    Raises:
        FileRefusedError: Files of its extension are not fetched; permanent.
    """
    extension = extension_of(file_name, link)
    if extension is None:
        return type_of_extension(file_type.strip().lower().lstrip("."))
    kind = type_of_extension(extension)
    if kind is None:
        raise FileRefusedError(f"files of type {extension!r} are not fetched")
    return kind


def checked_type(kind: FileType | None, content_type: str | None) -> FileType:
    """Return what a file is by what the server says of it.

    Args:
        kind: What is expected, if that is known.
        content_type: The server's ``Content-Type``; None if it gave none.

    Raises:
        FileRefusedError: It is something else, transient as it may be an error sent with
            status 200; or its kind is not known, permanent.
    """
    said = (content_type or "").partition(";")[0].strip().lower()
    if kind is None:
        # A page or text of unknown name is an error sent with status 200 more often than not.
        known = (kind for kind in FILE_TYPES if kind.looks not in _UNSPECIFIC)
        kind = next((kind for kind in known if said in kind.content_types), None)
        if kind is None:
            raise FileRefusedError(
                f"neither name nor link say what the file is, and the server says {said!r}"
            )
        return kind
    if said not in _ANY_TYPE and said not in kind.content_types:
        raise FileRefusedError(
            f"the server sent {said!r} instead of {kind.content_types[0]!r}", Category.TRANSIENT
        )
    return kind


def check_beginning(kind: FileType, head: bytes) -> None:
    """See that a file begins as its kind does.

    Args:
        kind: What it should be.
        head: Its first bytes: ``HEAD_BYTES`` of them, or all there are.

    Raises:
        FileRefusedError: It does not, or is empty; transient, as it may be an error sent with
            status 200.
    """
    if not head:
        raise FileRefusedError("the file is empty", Category.TRANSIENT)
    is_page = _PAGE.match(head.removeprefix(_BYTE_ORDER_MARKS[0])) is not None
    if is_page and not kind.may_be_page:
        raise FileRefusedError(
            f"the server sent a page instead of {kind.content_types[0]!r}; it begins "
            f"with {shown(head)}",
            Category.TRANSIENT,
        )
    if not kind.looks(head[:HEAD_BYTES]):
        raise FileRefusedError(
            f"the file is not a valid {kind.content_types[0]!r}; it begins with {shown(head)}",
            Category.TRANSIENT,
        )


def shown(head: bytes) -> str:
    """Return the first bytes of a file as text that may be shown to people."""
    return redacted(ascii(head[:QUOTED_BYTES].decode("latin-1")))
