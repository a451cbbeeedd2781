"""How a process speaks to the person at the keyboard, as its command line asks."""

from __future__ import annotations

from attrs import define


@define
class Manner:
    """What holds for all that is printed."""

    quiet: bool = False
    """What is said beside the data is left out."""
    colours: bool = False
    """Headings are bold on a terminal."""


manner = Manner()
"""That of this process; the command line sets it before a command runs."""
