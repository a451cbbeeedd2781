"""Keys of a former system's settings files: what each has become."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import Block, Location
from claimx_pipeline.settings.loading.paths import format_path


def without_former(root: Block, former: Mapping[str, str], problems: list[Problem]) -> Block:
    """Return *root* without the keys of a former system.

    One advice is given once in each block at the top, whatever number of keys asks for it.

    Args:
        root: The settings.
        former: Dotted path of a former key, ``*`` meaning anything, to what to write instead;
            the first that fits counts.
        problems: Gets a problem for each key that is left out.
    """
    if not former:
        return root
    entries = {}
    for key, node in root.entries.items():
        said: set[str] = set()
        kept = _kept(Location(node, (key,)), former, said, problems)
        if kept is not None:
            entries[key] = kept.node
    return Block(entries, root.origin)


def _kept(
    location: Location, former: Mapping[str, str], said: set[str], problems: list[Problem]
) -> Location | None:
    """Return *location* without former keys, None if nothing else is there."""
    node = location.node
    if isinstance(node, Block) and node.entries:
        children = {
            key: _kept(location.child(key, child), former, said, problems)
            for key, child in node.entries.items()
        }
        kept = {key: child.node for key, child in children.items() if child is not None}
        return Location(Block(kept, node.origin), location.path) if kept else None
    path = format_path(location.path)
    advice = next(_advice(path, former), None)
    if advice is None:
        return location
    if advice not in said:
        said.add(advice)
        problems.append(location.problem(f"this is a key of the system before; {advice}"))
    return None


def _advice(path: str, former: Mapping[str, str]) -> Iterator[str]:
    return (advice for pattern, advice in former.items() if fnmatchcase(path, pattern))
