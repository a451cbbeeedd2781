"""Keys that may be spelled in a second way, brought to the one way that the rest knows."""

from __future__ import annotations

from collections.abc import Mapping

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import Block, Location, Node

WORKER_KEYS: Mapping[str, str] = {"chain": "enrichment_handlers"}
"""Key of a worker's block to the key that it means."""


def canonical(root: Block, problems: list[Problem]) -> Block:
    """Return the settings of one file with every key in its first spelling.

    A worker that has both spellings of one key is a problem.
    """
    workers = root.entries.get("workers")
    if not isinstance(workers, Block):
        return root
    renamed = {
        name: _worker(Location(worker, ("workers", name)), problems)
        for name, worker in workers.entries.items()
    }
    return Block({**root.entries, "workers": Block(renamed, workers.origin)}, root.origin)


def _worker(location: Location, problems: list[Problem]) -> Node:
    node = location.node
    if not isinstance(node, Block) or node.entries.keys().isdisjoint(WORKER_KEYS):
        return node
    for second, first in WORKER_KEYS.items():
        if second in node.entries and first in node.entries:
            here = location.child(second, node.entries[second])
            problems.append(
                here.problem(f"{second!r} and {first!r} are one setting; give one of them")
            )
    return Block(
        {WORKER_KEYS.get(key, key): child for key, child in node.entries.items()}, node.origin
    )
