"""The seven kinds of entity that an event can bring to light."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from attrs import define, field, fields

EntityRow = dict[str, Any]
"""Column name to value; columns are declared in ``claimx.tables``."""


@define
class EntityRows:
    """Rows of each kind, parents before children."""

    projects: list[EntityRow] = field(factory=list)
    contacts: list[EntityRow] = field(factory=list)
    media: list[EntityRow] = field(factory=list)
    task_templates: list[EntityRow] = field(factory=list)
    tasks: list[EntityRow] = field(factory=list)
    external_links: list[EntityRow] = field(factory=list)
    video_collab: list[EntityRow] = field(factory=list)

    def items(self) -> Iterator[tuple[str, list[EntityRow]]]:
        """Yield each kind with its rows, parents first."""
        for kind in KINDS:
            yield kind, getattr(self, kind)

    def count(self) -> int:
        """Return how many rows there are."""
        return sum(len(rows) for _, rows in self.items())


KINDS: tuple[str, ...] = tuple(attribute.name for attribute in fields(EntityRows))
