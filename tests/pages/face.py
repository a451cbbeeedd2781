"""The public face as data: what a release promised, to be compared with what there is now.

``python -m tests.pages.face`` writes the file of a release; ``release.md`` says when.
"""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from tests.pages.declared import fields_of, function_of, methods_of
from tests.pages.public_api import public_names

FACE = Path(__file__).parents[1] / "promises" / "face.json"
"""The face of the last release, under its version."""

Face = Mapping[str, Mapping[str, str]]
"""Full name to its parts, each as it is written; a function or constant has one part."""


def public_face() -> Face:
    """Return the face as it is now."""
    return {name: _parts(thing) for name, thing in public_names().items()}


def changes(before: Face, now: Face) -> Iterator[str]:
    """Yield what a user of *before* may trip over, as the changelog has to name it.

    A name that is gone or has changed is called ``Name``, a part of a class ``Class.part``.
    """
    by_name = {full.rpartition(".")[2]: parts for full, parts in reversed([*now.items()])}
    for full, parts in before.items():
        name = full.rpartition(".")[2]
        # One that has moved still answers to its old address.
        found = now.get(full, by_name.get(name))
        if found is None:
            yield name
            continue
        for part, written in parts.items():
            if found.get(part) != written:
                yield f"{name}.{part}" if part else name
        for part, written in found.items():
            has_to_be_given = written.endswith("= ") and not written.startswith("(")
            if part not in parts and has_to_be_given:
                yield f"{name}.{part}"


def missing(wanted: Iterable[str], changelog: str) -> list[str]:
    """Return those of *wanted* that no section 'Public API' of *changelog* names."""
    sections = re.findall(r"^### Public API\n(.*?)(?=^#|\Z)", changelog, re.MULTILINE | re.DOTALL)
    named = set(re.findall(r"`([\w.]+)`", "".join(sections)))
    return sorted({each for each in wanted if each not in named})


def _parts(thing: object) -> dict[str, str]:
    if inspect.isclass(thing) and thing.__module__.startswith("claimx_pipeline"):
        fields = {each.name: f"{each.type} = {each.default}" for each in fields_of(thing)}
        return fields | {each.name: f"({each.signature})" for each in methods_of(thing)}
    if inspect.isfunction(thing):
        return {"": f"({function_of(thing)})"}
    return {"": f"{thing!r}" if isinstance(thing, (str, int, float)) else ""}


if __name__ == "__main__":
    from claimx_pipeline import __version__

    FACE.write_text(
        json.dumps({"version": __version__, "names": public_face()}, indent=1, sort_keys=True)
        + "\n"
    )
