"""A string that never prints."""

from __future__ import annotations

from attrs import field, frozen


@frozen
class Secret:
    """A credential; only ``reveal`` gives it away."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        """Return the credential itself; call it where it goes on the wire and nowhere else."""
        return self._value

    def __str__(self) -> str:
        return "********"

    def __repr__(self) -> str:
        return "Secret('********')"
