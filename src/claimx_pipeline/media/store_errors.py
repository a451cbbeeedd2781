"""Outage or record? What a store's error says, by its type and its codes."""

from __future__ import annotations

import asyncio
import enum
import errno
import re
import time
from collections.abc import Awaitable, Callable

from attrs import define, field
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)

from claimx_pipeline.errors import RecordError

_HOLDS_SECONDS = 60.0
"""How long it is believed what another file has shown."""

# obstore hands status, code and errno out in its text only, each in a form of its own that no
# path can imitate: in a URL blanks, '<' and quotes are escaped.
_STATUS = re.compile(r"status code: ([0-9]{3})\b")
_CODE = re.compile(r"<Code>([A-Za-z]+)</Code>|\"code\"\s*:\s*\"([A-Za-z]+)\"")
_ERRNO = re.compile(r"\(os error ([0-9]+)\)")

_OF_THE_NAME = frozenset(
    {
        "InvalidFileOrDirectoryPathName",
        "InvalidObjectName",
        "InvalidResourceName",
        "InvalidURI",
        "InvalidUri",
        "KeyTooLong",
        "KeyTooLongError",
        "PathConflict",
        "PathIsTooDeep",
        "ResourceTypeMismatch",
        "XMinioInvalidObjectName",
        "XMinioInvalidResourceName",
        "XMinioObjectExistsAsDirectory",
        "XMinioParentIsObject",
    }
)
"""Codes of S3, Azure and MinIO for a name that no file may have there."""

_URI_TOO_LONG = 414
_PERHAPS = frozenset({400, 405, 409, 411, 412, 413, 415, 422, 431})
"""Refused as it was sent: for its name or its size, or as all that comes from here."""

_OF_THE_PATH = frozenset(
    {
        errno.EFBIG,
        errno.EILSEQ,
        errno.EINVAL,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENAMETOOLONG,
        errno.ENOTDIR,
    }
)
_PERHAPS_OF_THE_PATH = frozenset({errno.EACCES, errno.EPERM})


class Blame(enum.Enum):
    """What a store's error is about."""

    RECORD = "record"
    """This file; another would be taken."""
    UNKNOWN = "unknown"
    """This file or every file: only another one can tell."""
    STORE = "store"
    """Every file."""


def blame(error: BaseError | OSError) -> Blame:
    """Return what *error* is about."""
    text = str(error)
    if (number := _errno_of(error)) is not None:
        if number in _OF_THE_PATH:
            return Blame.RECORD
        return Blame.UNKNOWN if number in _PERHAPS_OF_THE_PATH else Blame.STORE
    code = _CODE.search(text)
    status = _STATUS.search(text)
    if (code and (code[1] or code[2]) in _OF_THE_NAME) or (
        status and int(status[1]) == _URI_TOO_LONG
    ):
        return Blame.RECORD
    # A right may be missing for one folder only, and a lease or a lock be on one file.
    types = (AlreadyExistsError, PermissionDeniedError, PreconditionError, UnauthenticatedError)
    if isinstance(error, types) or (status and int(status[1]) in _PERHAPS):
        return Blame.UNKNOWN
    return Blame.STORE


def may_pass(error: BaseError | OSError) -> bool:
    """Tell whether what keeps one file from being written may go by itself: a lease, a lock."""
    return isinstance(error, AlreadyExistsError | PreconditionError)


def is_missing(error: BaseError | FileNotFoundError) -> bool:
    """Tell whether a file or its folder was not there."""
    return isinstance(error, FileNotFoundError) or _errno_of(error) == errno.ENOENT


def _errno_of(error: BaseError | OSError) -> int | None:
    """Return the operating system's number of *error*, if it is one of those."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    found = _ERRNO.search(str(error))
    return int(found[1]) if found else None


@define(eq=False)
class OtherFile:
    """Another file than one that was refused: does the store take that?"""

    _asking: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _found: dict[str, tuple[float, bool]] = field(factory=dict, init=False)
    """When what was asked, and whether it worked."""

    async def works(self, ask: Callable[[], Awaitable[None]]) -> bool:
        """Tell whether *ask* works for another file; asks once a minute at most."""
        async with self._asking:
            at, worked = self._found.get(ask.__name__, (float("-inf"), False))
            if time.monotonic() < at + _HOLDS_SECONDS:
                return worked
            try:
                await ask()
                worked = True
            except RecordError:
                worked = False
            self._found[ask.__name__] = time.monotonic(), worked
            return worked
