"""The public API is declared, and does not change without a word in the changelog."""

import importlib
import inspect
import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.pages.declared import fields_of, methods_of
from tests.pages.face import FACE, changes, missing, public_face
from tests.pages.public_api import PAGE, public_api_page, public_names
from tests.pages.signatures import named_types

CHANGELOG = Path(__file__).parents[2] / "CHANGELOG.md"


@pytest.fixture(scope="module")
def page():
    return public_api_page()


def test_the_reference_lists_every_public_name(page):
    assert PAGE.read_text(encoding="utf-8") == page, "run python -m tests.pages.public_api"


def test_no_public_name_is_a_module():
    """A file of a public name takes that name over once anything imports the file."""
    hidden = []
    for name in public_names():
        package = name.rpartition(".")[0]
        if hasattr(importlib.import_module(package), "__path__") and find_spec(name):
            hidden.append(name)
    assert hidden == []


def test_every_public_name_says_what_it_is(page):
    rows = {line.split("|")[1].strip(" `"): line for line in page.splitlines() if "|" in line}
    silent = [name for name in public_names() if len(rows[name]) <= len(f"| `{name}` |  |")]
    assert not silent, "write a docstring"


def public_classes():
    return {
        thing.__name__: thing
        for thing in public_names().values()
        if inspect.isclass(thing) and thing.__module__.startswith("claimx_pipeline")
    }


def test_every_field_and_method_of_a_public_class_says_what_it_is():
    silent = [
        f"{name}.{part.name}"
        for name, kind in public_classes().items()
        for part in (*fields_of(kind), *methods_of(kind))
        if not part.doc and part.name not in ("config", "config_class")
    ]
    assert not silent, "write a docstring below each"


def test_every_type_that_a_public_signature_names_is_public():
    public = {id(thing) for thing in public_names().values()}
    hidden = {
        f"{kind.__module__}.{kind.__qualname__}, of {name} {where}"
        for name, thing in public_names().items()
        for where, kind in named_types(thing)
        if id(kind) not in public
    }
    assert not hidden, "add them to a public module's stub, or the part to _faces.INTERNAL"


def test_every_public_name_is_in_the_changelog():
    """A name that comes has an entry that it came, one that goes that it went."""
    text = CHANGELOG.read_text(encoding="utf-8")
    sections = re.findall(r"^### Public API\n(.*?)(?=^#|\Z)", text, re.MULTILINE | re.DOTALL)
    told = set(re.findall(r"`([A-Za-z_0-9]+)`", "".join(sections)))
    removed = set(re.findall(r"removed `([A-Za-z_0-9]+)`", "".join(sections)))
    names = {name.rpartition(".")[2] for name in public_names()}
    assert names - (told - removed) == set(), "name them under 'Public API' in CHANGELOG.md"
    assert (told - removed) - names == set(), "say 'removed `name`' in CHANGELOG.md"


def test_what_the_last_release_had_and_is_no_more_is_in_the_changelog():
    """A name, field or method that is removed, moved or written otherwise since then."""
    before = json.loads(FACE.read_text(encoding="utf-8"))["names"]
    changed = changes(before, public_face())
    assert missing(changed, CHANGELOG.read_text(encoding="utf-8")) == [], (
        "name them under 'Public API' in CHANGELOG.md"
    )


SMALL = {
    "m.Kept": {"field": "int = 1", "call": "(call(self) -> int)"},
    "m.function": {"": "(function() -> int)"},
}


@pytest.mark.parametrize(
    ("now", "named"),
    [
        (SMALL, []),
        ({"other.Kept": SMALL["m.Kept"], "m.function": SMALL["m.function"]}, []),
        ({"m.function": SMALL["m.function"]}, ["Kept"]),
        ({**SMALL, "m.Kept": {"field": "int = 1"}}, ["Kept.call"]),
        ({**SMALL, "m.Kept": {**SMALL["m.Kept"], "field": "int = 2"}}, ["Kept.field"]),
        ({**SMALL, "m.Kept": {**SMALL["m.Kept"], "new": "int = "}}, ["Kept.new"]),
        ({**SMALL, "m.Kept": {**SMALL["m.Kept"], "new": "int = 0"}}, []),
        ({**SMALL, "m.function": {"": "(function(a) -> int)"}}, ["function"]),
    ],
)
def test_a_change_is_found(now, named):
    assert [*changes(SMALL, now)] == named
    assert missing(named, "### Public API\n\nNothing.\n") == named
    assert missing(named, "### Public API\n\n" + ", ".join(f"`{each}`" for each in named)) == []
