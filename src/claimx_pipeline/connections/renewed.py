"""What a credential that changes while the worker runs can do, wherever it comes from."""

from __future__ import annotations

from typing import Protocol


class RenewedCredential(Protocol):
    """The credential of a connection, replaced from time to time."""

    @property
    def token(self) -> str:
        """The credential, ready to be sent."""
        ...

    @property
    def before(self) -> str:
        """The one before it, which must not be shown either."""
        ...

    async def look(self) -> None:
        """Make ``token`` the one to send now.

        Raises:
            RequestFailedError: There is none, and none can be had.
        """
        ...

    async def renewed(self, refused: str) -> bool:
        """Tell whether there is another credential than the one that was *refused*.

        Raises:
            RequestFailedError: None can be had.
        """
        ...

    async def close(self) -> None:
        """Close what was opened. May be called twice."""
        ...
