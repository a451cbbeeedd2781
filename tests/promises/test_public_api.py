"""The public API is declared, and does not change without a word in the changelog."""

import re
from pathlib import Path

import pytest

from tests.pages.public_api import PAGE, public_api_page, public_names

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


def test_the_reference_lists_every_public_name():
    assert PAGE.read_text(encoding="utf-8") == public_api_page(), (
        "run python -m tests.pages.public_api"
    )


@pytest.mark.parametrize("name", public_names())
def test_every_public_name_says_what_it_is(name):
    row = next(line for line in public_api_page().splitlines() if line.startswith(f"| `{name}` "))
    assert len(row) > len(f"| `{name}` |  |")


def test_every_public_name_is_in_the_changelog():
    """A name that comes has an entry that it came, one that goes that it went."""
    text = CHANGELOG.read_text(encoding="utf-8")
    sections = re.findall(r"^### Public API\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"`([A-Za-z_]+)`", "".join(sections)))
    removed = set(re.findall(r"removed `([A-Za-z_]+)`", "".join(sections)))
    names = {name.rpartition(".")[2] for name in public_names()}
    assert names - (told - removed) == set(), "name them under 'Public API' in CHANGELOG.md"
    assert (told - removed) - names == set(), "say 'removed `name`' in CHANGELOG.md"
