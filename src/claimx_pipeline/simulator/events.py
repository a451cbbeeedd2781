"""Further events of the simulated world."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen

from claimx_pipeline.simulator.entities import Project, WorldEvent


@frozen
class SimulatedEvents:
    """Events that happen to each project besides its own."""

    of: Callable[[Project], Iterable[WorldEvent]]
    """Returns them for one project: the same whenever it is asked, and none before the project
    was created. What else is known of the project is in it."""
