"""Every tutorial, followed word by word in a fresh virtual environment: ``nox -s tutorials``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.tutorials.tutorial import Newcomer, missing, steps

MINUTES = {"first-pipeline": 10, "first-plugin": 15, "replay": 10, "second-domain": 10}
"""In which a newcomer is done with it, installing included."""

PAGES = sorted(page.stem for page in (Path(__file__).parents[2] / "docs" / "tutorial").glob("*.md"))


def test_every_tutorial_is_followed():
    assert sorted(MINUTES) == PAGES


@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_begins_with_installing_and_shows_what_is_printed(page):
    first, *rest = steps(page)
    assert "python3 -m venv" in first.typed
    assert rest


@pytest.mark.tutorial
@pytest.mark.parametrize("page", PAGES)
def test_a_tutorial_does_what_it_says(page, tmp_path):
    newcomer = Newcomer(tmp_path)
    for step, printed in newcomer.follow(page):
        assert missing(step.shown, printed) == [], f"{step.typed}\n{printed}"
    took = sum(newcomer.seconds)
    sys.stderr.write(f"\n{page}: {took:.0f} s, of which {newcomer.seconds[0]:.0f} s installing\n")
    assert took < MINUTES[page] * 60


def test_what_is_missing_is_found():
    assert missing("a … c\nd", "a  b\tc\n d") == []
    assert missing("a\nx", "a b") == ["x"]
    assert missing("b\na", "a b") == ["a"]
