"""The walks of the architecture page: no file sends the reader back up."""

import ast
import re
from itertools import combinations
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = ROOT / "src" / "claimx_pipeline"
PAGE = ROOT / "docs" / "explanation" / "architecture.md"
LONGEST = 7


def lines() -> list[list[str]]:
    """Return the files that each line of the walks names, in order."""
    text = PAGE.read_text(encoding="utf-8")
    part = text.partition("## Three walks")[2].partition("\n## ")[0]
    found = re.split(r"^\d\. ", part, flags=re.MULTILINE)[1:]
    return [re.findall(r"`([\w/]+\.py)`", line) for line in found]


def imported(file: str) -> set[str]:
    """Return the files that *file* imports itself."""
    found = set()
    for node in ast.walk(ast.parse((CORE / file).read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("claimx_pipeline"):
            for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names)):
                path = f"{name.partition('.')[2].replace('.', '/')}.py"
                if (CORE / path).is_file():
                    found.add(path)
    return found


def reached(file: str) -> set[str]:
    seen: set[str] = set()
    waiting = [*imported(file)]
    while waiting:
        each = waiting.pop()
        if each not in seen:
            seen.add(each)
            waiting += imported(each)
    return seen


@pytest.mark.parametrize("walk", lines(), ids=lambda walk: walk[0])
def test_a_walk_only_goes_down(walk):
    assert len(walk) <= LONGEST
    assert [file for file in walk if not (CORE / file).is_file()] == []
    up = [(first, then) for first, then in combinations(walk, 2) if first in reached(then)]
    assert up == []


def test_there_are_three_walks():
    assert len(lines()) == 7
