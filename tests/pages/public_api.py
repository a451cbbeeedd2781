"""``docs/reference/public-api.md``, made from ``claimx_pipeline.__all__``, the operations' and the test
kit's.

``python -m tests.pages.public_api`` writes it again.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import claimx_pipeline
from claimx_pipeline import operations, testing

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "public-api.md"

HEAD = """\
# Public API

What plugins and programs may import. Anything else may change in any version. A change here has
an entry in the changelog; the tests see to that.
"""


def public_names() -> dict[str, object]:
    """Return every public name, as it is imported, and what it is."""
    found = {f"claimx_pipeline.{name}": getattr(claimx_pipeline, name) for name in _sorted()}
    for face in (operations, testing):
        found |= {f"{face.__name__}.{name}": getattr(face, name) for name in face.__all__}
    return found


def public_api_page() -> str:
    """Return the page."""
    rows = [f"| `{name}` | {summary(thing)} |" for name, thing in public_names().items()]
    return f"{HEAD}\n| name | what it is |\n|---|---|\n" + "\n".join(rows) + "\n"


def summary(thing: object) -> str:
    """Return the first line of the thing's docstring; its value if it is a constant."""
    if inspect.isclass(thing) or inspect.isfunction(thing):
        text = (inspect.getdoc(thing) or "").partition("\n\n")[0].replace("\n", " ")
        return text.replace("``", "`").replace("|", "\\|")
    return f"`{thing}`" if isinstance(thing, (str, float, int)) else f"{type(thing).__name__}"


def _sorted() -> list[str]:
    return sorted(claimx_pipeline.__all__, key=lambda name: (name.lower(), name))


if __name__ == "__main__":
    PAGE.write_text(public_api_page(), encoding="utf-8")
