"""A credential in a file that another program renews."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.credential import clean, token_problem
from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.system_errors import reason_of

logger = logging.getLogger(__name__)

_LOOK_SECONDS = 1.0
"""While requests succeed the file is looked at no more often than this."""

_SETTLE_SECONDS = 0.05
"""A file that still changes after this was read while it was being written."""

_Stamp = tuple[int, int, int, int]
"""Times of change of contents and of name or rights, size, and which file it is."""


@define(eq=False)
class TokenFile:
    """The credential as the file has it; read once per change.

    What cannot be a credential (an empty file, one being written, a missing one) is
    reported in the log, and the last good one is kept.
    """

    path: Path
    auth_type: str
    name: str
    """Name of the connection, for the log."""
    _clock: Clock
    _on_renewal: Callable[[bool], None] = field(default=lambda _: None)
    token: str = field(init=False, repr=False)
    """The credential, ready to be sent."""
    before: str = field(default="", init=False, repr=False)
    """The one before it, which must not be shown either."""
    _stamp: _Stamp | None = field(init=False, repr=False)
    _looked_at: float = field(init=False, repr=False)
    _looking: asyncio.Lock = field(factory=asyncio.Lock, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Read the file for the first time.

        Raises:
            OSError: It cannot be read.
            ValueError: It holds no credential.
        """
        self._stamp = _stamp_of(self.path)
        self.token = _read(self.path, self.auth_type)
        self._looked_at = self._clock.monotonic()

    async def look(self) -> None:
        """Read the file again if it has changed; looks at most once a second."""
        due = self._clock.monotonic() - self._looked_at >= _LOOK_SECONDS
        if due and not self._looking.locked():
            await self._look()

    async def renewed(self, refused: str) -> bool:
        """Tell whether there is another credential than the one that was *refused*."""
        if self.token == refused:
            await self._look()
        return self.token != refused

    async def close(self) -> None:
        """Nothing is open: the file is read at once."""

    async def _look(self) -> None:
        # One at a time, so that a change is read once however many requests met it.
        async with self._looking:
            self._looked_at = self._clock.monotonic()
            try:
                stamp = await asyncio.to_thread(_stamp_of, self.path)
            except OSError as error:
                if self._stamp is not None:
                    self._warn(reason_of(error))
                self._stamp = None
                return
            if stamp != self._stamp:
                await self._read_again(stamp)

    async def _read_again(self, stamp: _Stamp) -> None:
        try:
            token = await asyncio.to_thread(_read, self.path, self.auth_type)
        except (OSError, ValueError) as error:
            self._on_renewal(False)
            self._warn(reason_of(error))
            self._stamp = stamp
            return
        await self._clock.sleep(_SETTLE_SECONDS)
        if await asyncio.to_thread(_stamp_now, self.path) != stamp:
            return
        self._stamp = stamp
        if token != self.token:
            self.token, self.before = token, self.token
            self._on_renewal(True)
            logger.info("connection %r has a new credential from %s", self.name, self.path)

    def _warn(self, what: str) -> None:
        logger.warning(
            "token file %s of connection %r: %s; the last credential is kept",
            self.path,
            self.name,
            what,
        )


def open_token_file(
    name: str,
    settings: ConnectionSettings,
    clock: Clock,
    on_renewal: Callable[[bool], None] = lambda _: None,
) -> TokenFile | None:
    """Return the token file of connection *name*, read; None if it has none.

    Args:
        name: The connection.
        settings: Its settings.
        clock: Says when the file is looked at.
        on_renewal: Called after each new credential with True, and with False for one that
            cannot be read.

    Raises:
        SettingsError: The file cannot be read, or holds no credential.
    """
    if settings.auth_type == "none" or settings.auth_token_file is None:
        return None
    path = Path(settings.auth_token_file)
    try:
        return TokenFile(path, settings.auth_type, name, clock, on_renewal)
    except (OSError, ValueError) as error:
        where = f"connections.{name}.auth_token_file"
        raise SettingsError([Problem(where, f"{path}: {reason_of(error)}")]) from None


def _stamp_of(path: Path) -> _Stamp:
    found = path.stat()
    return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino


def _stamp_now(path: Path) -> _Stamp | None:
    try:
        return _stamp_of(path)
    except OSError:
        return None  # removed again: not the file that was read


def _read(path: Path, auth_type: str) -> str:
    try:
        token = clean(path.read_bytes().decode())
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None
    if problem := token_problem(token, auth_type):
        raise ValueError(problem)
    return token
