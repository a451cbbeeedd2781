"""``docs/reference/commands.md``, made from the commands themselves.

``python -m tests.pages.commands`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from claimx_pipeline.cli.main import LazyGroup, app

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
COMMAND = "python -m tests.pages.commands"

SHARED = frozenset({"help", "install_completion", "show_completion"})
"""Options of every command that say nothing about it."""

HEAD = """\
# Commands

Every command of `claimx-run`, as the core and the iTel cabinet plugin bring them. This page is
made from the commands by `{command}`; a test fails when it is out of date.
Every command prints the same with `--help`.

Every command ends with 0 when it did what was asked, with 1 when it failed, and with 2 when the
command line or the settings are wrong. Errors go to standard error, results to standard output.
"""


def page() -> str:
    """Return the page."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("claimx-run", [], resilient_parsing=True)
    parts = [HEAD.format(command=COMMAND), "\n## Options of every command\n", *_parameters(root)]
    for name in root.list_commands(context):
        parts.append(f"\n## `claimx-run {name}`\n")
        parts += _command(f"claimx-run {name}", root.get_command(context, name), context)
    return "\n".join(parts).replace("\n\n\n", "\n\n") + "\n"


def _command(name: str, command: Any, parent: Any, depth: int = 3) -> Iterator[str]:
    if not hasattr(command, "list_commands") or isinstance(command, LazyGroup):
        yield f"{_help(command)}\n"
        yield f"```text\n{_usage(name, command)}\n```\n"
        yield from _parameters(command)
        return
    # First its name: so the search ranks a group above its commands, whose text has it later.
    yield f"```text\n{name} COMMAND\n```\n"
    yield f"{_help(command)}\n"
    context = command.make_context(name, [], parent=parent, resilient_parsing=True)
    for inner in command.list_commands(context):
        yield f"\n{'#' * depth} `{name} {inner}`\n"
        each = command.get_command(context, inner)
        yield from _command(f"{name} {inner}", each, context, depth + 1)


def _usage(name: str, command: Any) -> str:
    context = command.make_context(name, [], resilient_parsing=True)
    return " ".join([name, *command.collect_usage_pieces(context)])


def _help(command: Any) -> str:
    paragraphs = (command.help or "").replace("\b", "").strip().split("\n\n")
    return "\n\n".join(" ".join(each.split()) for each in paragraphs)


def _parameters(command: Any) -> Iterator[str]:
    context = typer.Context(command, info_name="")
    found = [each for each in command.params if each.name not in SHARED]
    rows = [record for each in found if (record := each.get_help_record(context))]
    if rows:
        yield "| Option | What it does |\n|---|---|"
        yield from (f"| `{_cell(names)}` | {_cell(what)} |" for names, what in rows)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", r"\|")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
