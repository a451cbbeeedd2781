"""``docs/reference/public-api.md``, made from the ``__all__`` of each public module.

``python -m tests.pages.public_api`` writes it again.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterable
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "public-api.md"

HEAD = """\
# Public API

What plugins and programs may import. Anything else may change in any version. A change here has
an entry in the changelog; the tests see to that.
"""


MODULES = (
    "",
    "hooks",
    "plugins",
    "stages",
    "connections",
    "tables",
    "media",
    "topics",
    "domain",
    "sources",
    "values",
    "operations",
    "testing",
)
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
    for short in MODULES:
        module = f"claimx_pipeline.{short}".rstrip(".")
        summary_of = (importlib.import_module(module).__doc__ or "").partition("\n")[0]
        rows = [
            f"| `{name}` | {summary(thing)} |"
            for name, thing in names.items()
            if name.rpartition(".")[0] == module
        ]
        parts.append(f"\n## {module}\n\n{summary_of}\n\n| name | what it is |\n|---|---|\n")
        parts.append("\n".join(rows) + "\n")
    return "".join(parts)


def summary(thing: object) -> str:
    """Return the first line of the thing's docstring; its value if it is a constant."""
    if inspect.isclass(thing) or inspect.isfunction(thing):
        text = (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")
        return text.replace("``", "`").replace("|", "\\|")
    return f"`{thing}`" if isinstance(thing, (str, float, int)) else f"{type(thing).__name__}"


def _sorted(names: Iterable[str]) -> list[str]:
    return sorted(names, key=lambda name: (name.lower(), name))


if __name__ == "__main__":
    PAGE.write_text(public_api_page(), encoding="utf-8")
