"""The listing shows the layers: no room reaches itself through what it imports.

A room is a folder or a module directly below ``src/claimx_pipeline``. Imports inside functions
and for type checkers count, since a reader follows them too.
"""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "claimx_pipeline"
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
FACES = {"_faces", "_version", "domains", "tables"}
"""Modules that only hand names on, or hold one."""


def imported(file: Path) -> set[str]:
    """Return the rooms that *file* imports from; the package's face is none."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == CORE.name and len(parts) > 1 and is_room(parts[1]):
                found.add(parts[1])
    return found


def is_room(name: str) -> bool:
    return (CORE / name).is_dir() or (CORE / f"{name}.py").is_file()


def arrows() -> dict[str, set[str]]:
    """Return which rooms each room imports from; the face stands above all of them."""
    found: defaultdict[str, set[str]] = defaultdict(set)
    for file in CORE.rglob("*.py"):
        parts = file.relative_to(CORE).with_suffix("").parts
        if parts[0] not in ("__init__", "__main__"):
            found[parts[0]] |= imported(file) - {parts[0]}
    return found


def reached(start: str, found: dict[str, set[str]]) -> set[str]:
    """Return every room that can be reached from *start*."""
    seen: set[str] = set()
    waiting = [*found[start]]
    while waiting:
        room = waiting.pop()
        if room not in seen:
            seen.add(room)
            waiting += found.get(room, ())
    return seen


def test_no_room_reaches_itself():
    found = arrows()
    assert not {room for room in found if room in reached(room, found)}


def test_the_page_lists_the_rooms_from_the_top_down():
    text = PAGE.read_text(encoding="utf-8")
    table = text.partition("## The rooms")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    order = [re.findall(r"`(\w+)(?:/|\.py)`", row) for row in rows]
    found = arrows()
    beside = {"simulator", "testing"}
    above: set[str] = set()
    for row in order:
        for name in row:
            assert name in beside or not found.get(name, set()) & above, f"{name} imports upwards"
        above |= set(row)
    assert found.keys() - above == FACES, "a room that the page does not list"
