"""``docs/reference/public-api.md``, made from the ``__all__`` of each public module.

``python -m tests.pages.public_api`` writes it again.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path

from tests.pages.declared import documented, fields_of, function_of, home_of, methods_of
from tests.pages.hooks import as_markdown

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "public-api.md"

HEAD = """\
# Public API

What plugins and programs may import. Anything else may change in any version;
[what is promised](../explanation/promises-to-plugins.md) of these names, and for how long. A
plugin is written with five modules, `hooks`, `domains`, `stages`, `tables` and `operations`, and
with what the package itself has of each. This page is made from the code.

A field without a default has to be given. A part that is not listed is the pipeline's own.
"""

FACES = ("hooks", "domains", "stages", "tables", "operations")
"""The five modules that plugins and programs are written with."""

BESIDE = ("broker", "settings", "testing", "values")
"""What few need: a broker of one's own, classes of settings, tests, readers of values."""

FORMER = ("plugins", "connections", "media", "topics", "domain", "sources")
"""Addresses from before the five; every name in them is in one of these too."""

MODULES = ("", *FACES, *BESIDE, *FORMER)
"""Public modules, in the order of the page; the empty name is the package itself."""


def public_names() -> dict[str, object]:
    """Return every public name, as it is imported, and what it is."""
    found = {}
    for short in MODULES:
        module = importlib.import_module(f"claimx_pipeline.{short}".rstrip("."))
        for name in _sorted(module.__all__):
            found[f"{module.__name__}.{name}"] = getattr(module, name)
    return found


def public_api_page() -> str:
    """Return the page."""
    parts = [HEAD]
    names = public_names()
    described: dict[str, str] = {}
    for short in MODULES:
        module = f"claimx_pipeline.{short}".rstrip(".")
        own = [name for name in names if name.rpartition(".")[0] == module]
        summary_of = (importlib.import_module(module).__doc__ or "").partition("\n")[0]
        parts.append(f"\n## {module}\n\n{as_markdown(summary_of)}\n")
        rows = [f"| `{name}` | {_short(names[name], name)} |" for name in own]
        parts.append("\n| name | what it is |\n|---|---|\n" + "\n".join(rows) + "\n")
        for full in own:
            name = full.rpartition(".")[2]
            if name not in described:
                described[name] = full
                parts.append(section(name, names[full]))
    return "".join(parts)


def section(name: str, thing: object) -> str:
    """Return what there is to know about one name, empty if its row says it all."""
    if inspect.isclass(thing) and thing.__module__.startswith("claimx_pipeline"):
        return f"\n### {name}\n\n{_doc(thing)}\n{_fields(thing)}{_methods(thing)}"
    if inspect.isfunction(thing):
        return f"\n### {name}\n\n```python\n{function_of(thing)}\n```\n\n{_doc(thing)}\n"
    return ""


def summary(thing: object, name: str) -> str:
    """Return the first line of the docstring of *thing*, whose full name is *name*."""
    if inspect.isclass(thing) or inspect.isfunction(thing):
        return (inspect.getdoc(thing) or "").partition("\n\n")[0]
    value, doc = documented(home_of(name), name.rpartition(".")[2])
    shown = f"`{thing!r}`" if isinstance(thing, (str, float, int)) else f"`{value or thing}`"
    return f"{doc.partition(chr(10) * 2)[0]} {shown}".strip()


def _short(thing: object, full: str) -> str:
    return _cell(summary(thing, full))


def _doc(thing: object) -> str:
    return as_markdown(inspect.getdoc(thing) or "")


def _fields(kind: type) -> str:
    rows = [
        f"| `{each.name}` | {_code(each.type)} | {_code(each.default)} | {_cell(each.doc)} |"
        for each in fields_of(kind)
        if each.doc
    ]
    if not rows:
        return ""
    head = "\n| field | type | default | what it is |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _methods(kind: type) -> str:
    rows = [f"- `{each.signature}`: {_line(each.doc)}" for each in methods_of(kind)]
    return "\n" + "\n".join(rows) + "\n" if rows else ""


def _line(text: str) -> str:
    return text.partition("\n\n")[0].replace("\n", " ").replace("``", "`")


def _code(text: str) -> str:
    return f"`{_cell(text)}`" if text else ""


def _cell(text: str) -> str:
    return text.replace("\n", " ").replace("``", "`").replace("|", "\\|")


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name.lower(), name))


if __name__ == "__main__":
    PAGE.write_text(public_api_page(), encoding="utf-8")
