"""File names and paths that are safe wherever they end up."""

from __future__ import annotations

import hashlib
import re
import unicodedata

from claimx_pipeline.media.content import FILE_TYPES
from claimx_pipeline.media.messages import CachedFile, DownloadTask

_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")
_DOTS = re.compile(r"\.{2,}")
_MOST_CHARACTERS = 100
_MOST_EXTENSION = 10
_RESERVED = frozenset(
    {
        "con",
        "prn",
        "aux",
        "nul",
        *(f"{name}{number}" for name in ("com", "lpt") for number in range(10)),
    }
)
"""Names that Windows keeps for devices, with any extension."""


def safe_name(name: str, otherwise: str = "file") -> str:
    """Return *name* reduced to ASCII letters, digits, ``.``, ``_`` and ``-``; never empty.

    Accents are dropped, a path loses all but its last part, and a long name its middle, so
    the extension stays. Two different names may become the same: a path that must be of one
    file only holds its id as well.

    Args:
        name: What the file is called outside.
        otherwise: What it is called if nothing is left; itself safe.
    """
    last = re.split(r"[/\\]", name)[-1]
    plain = unicodedata.normalize("NFKD", last).encode("ascii", "ignore").decode()
    fit = _DOTS.sub(".", _UNFIT.sub("_", plain)).strip("._- ")
    if len(fit) > _MOST_CHARACTERS:
        stem, dot, extension = fit.rpartition(".")
        kept = f"{dot}{extension}" if dot and len(extension) <= _MOST_EXTENSION else ""
        fit = (stem if kept else fit)[: _MOST_CHARACTERS - len(kept)].rstrip("._-") + kept
    if not fit:
        return otherwise
    return f"_{fit}" if fit.partition(".")[0].lower() in _RESERVED else fit


def safe_id(text: str) -> str:
    """Return *text* as one part of a path; different texts never become the same.

    What is safe already stays as it is; anything else carries a part of its hash.
    """
    fit = safe_name(text, "id")
    if fit == text:
        return fit
    return f"{fit[:40]}~{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


def fetch_name(file: DownloadTask | CachedFile) -> str:
    """Return the name of what is fetched: other contents of the same file have another one."""
    if not file.file_version:
        return file.identity
    return f"{file.identity}-{hashlib.sha256(file.file_version.encode()).hexdigest()[:16]}"


def cache_folder(file: DownloadTask | CachedFile) -> str:
    """Return the folder of *file* in the cache store; no two files, or contents, share one."""
    return f"{safe_id(file.owner)}/{safe_id(file.media_id)}/{fetch_name(file)}"


def cache_path(file: CachedFile) -> str:
    """Return where *file*, of known checksum and kind, lies in the cache store."""
    return f"{cache_folder(file)}/{cache_name(file.checksum, file.content_type)}"


def cache_name(checksum: str, content_type: str) -> str:
    """Return what a cached file is called: all that must be known of it without its message."""
    kinds = (kind for kind in FILE_TYPES if kind.content_types[0] == content_type)
    kind = next(kinds, None)
    return f"{checksum}.{kind.extensions[0] if kind else 'bin'}"
