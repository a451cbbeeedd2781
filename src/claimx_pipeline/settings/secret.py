"""A string that never prints."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Secret:
    """A credential; only ``reveal`` returns it."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the credential itself; call it only where it is sent."""
        return self._value

    def __str__(self) -> str:
        return "********"

    def __repr__(self) -> str:
        return "Secret('********')"
