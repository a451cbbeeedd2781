"""``docs/reference/hooks.md``, made from the docstrings of the hook specs.

``python -m tests.pages.hooks`` writes it again.
"""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

from claimx_pipeline import hookspecs

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"

HEAD = """\
# Hooks

Everything that a plugin may implement, in the order of a pipeline's life. `from claimx_pipeline
import hookimpl`, and take of the arguments those that you need, by name. Made from
`claimx_pipeline/hookspecs.py`; the tests run each example.
"""

SECTIONS = ("Args:", "Returns:", "Raises:")


def hooks_page() -> str:
    """Return the page."""
    functions = [
        function
        for name, function in vars(hookspecs).items()
        if name.startswith("claimx_") and inspect.isfunction(function)
    ]
    return HEAD + "".join(map(section, functions))


def section(function: object) -> str:
    """Return the part about one hook."""
    name = function.__name__
    text, _, example = inspect.getdoc(function).partition("Example::")
    return (
        f"\n## `{name}`\n\n```python\n{signature_of(function)}\n```\n\n"
        f"{as_markdown(text)}\n\n```python\n{textwrap.dedent(example).strip()}\n```\n"
    )


def signature_of(function: object) -> str:
    """Return name, parameters and types as they stand in the code."""
    return f"{function.__name__}{inspect.signature(function)}".replace("'", "")


def as_markdown(text: str) -> str:
    """Return a docstring with its sections as headings, its arguments as a list."""
    lines: list[str] = []
    for line in text.replace("``", "`").strip().splitlines():
        named = re.match(r"    (\w+): (.*)", line)
        if line in SECTIONS:
            lines += [f"**{line.removesuffix(':')}**", ""]
        elif named:
            lines.append(f"- `{named[1]}`: {named[2]}")
        else:
            lines.append(line.strip())
    return "\n".join(lines).strip()


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(hooks_page(), encoding="utf-8")
