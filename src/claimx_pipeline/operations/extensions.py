"""What plugins add to domains, for those who look."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


def added_by(pipeline: Pipeline, plugin: str) -> list[str]:
    """Return what *plugin* adds to domains, in words: event types, kinds and columns."""
    found: list[str] = []
    for domain in pipeline.domains.values():
        for by, extension in domain.extensions:
            if by != plugin:
                continue
            handlers = extension.handlers(pipeline.clock)
            types = {type_ for handler in handlers for type_ in handler.event_types}
            found += [f"{domain.name}: events {type_}" for type_ in sorted(types)]
            found += [
                f"{domain.name}: kind {kind.name} in {kind.table.name}" for kind in extension.kinds
            ]
            tables = {kind.name: kind.table.name for kind in domain.kinds}
            found += [
                f"{domain.name}: column {tables[kind]}.{column.name}"
                for kind, columns in extension.columns.items()
                for column in columns
            ]
    return found
