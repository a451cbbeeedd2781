"""``docs/reference/suites.md``, made from the suites that authors inherit.

``python -m tests.pages.suites`` writes it again.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from claimx_pipeline.testing import BrokerContract, PluginContract, StageContract

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "suites.md"
COMMAND = "python -m tests.pages.suites"
SUITES = (PluginContract, StageContract, BrokerContract)

HEAD = """\
# Suites

The test suites of `claimx_pipeline.testing`, to inherit: each is a list of checks that every plugin,
stage or broker has to pass. This page is made from the suites by `{command}`;
a test fails when it is out of date. [Test a plugin](../how-to/test-a-plugin.md) shows how they are
used, and what they do not lend.

Derive a class whose name begins with `Test`, write the methods under *You say*, and pytest runs the
checks. A method that is optional says what it does if you do not write it.
"""


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD.format(command=COMMAND), *map(section, SUITES)])


def section(suite: type[Any]) -> str:
    """Return the part about one suite."""
    checks = list(checks_of(suite))
    about = _about(suite).partition(" Derive ")[0]
    lines = [f"## `{suite.__name__}`", "", about, ""]
    lines += ["| You say | What it is |", "|---|---|"]
    lines += [f"| `{name}` | {_about(each)} |" for name, each in _asked(suite)]
    lines += ["", f"| What is checked ({len(checks)}) | Why, or what it means |", "|---|---|"]
    lines += [f"| {_sentence(name)} | {_about(each)} |" for name, each in checks]
    return "\n".join([*lines, ""])


def checks_of(suite: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield the checks, in the order of their source; bases first."""
    for kind in reversed(suite.__mro__):
        for name, each in vars(kind).items():
            if name.startswith("test_"):
                yield name, each


def _asked(suite: type[Any]) -> Iterator[tuple[str, Callable[..., Any]]]:
    for name, each in vars(suite).items():
        if callable(each) and not name.startswith(("test_", "_")) and name not in ("run", "result"):
            yield f"{name}{_arguments(each)}", each


def _arguments(function: Callable[..., Any]) -> str:
    names = [name for name in inspect.signature(function).parameters if name != "self"]
    return f"({', '.join(names)})"


def _about(function: object) -> str:
    text = (inspect.getdoc(function) or "").partition("\n\nArgs:")[0]
    return " ".join(text.replace("``", "`").split()).replace("|", "\\|")


def _sentence(name: str) -> str:
    words = name.removeprefix("test_").replace("_", " ").replace(" is no ", " is not a ")
    return words[0].upper() + words[1:]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
