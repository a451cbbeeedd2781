"""``docs/reference/messages.md``, made from the headers and the classes of messages.

``python -m tests.pages.messages`` writes it again.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from claimx_pipeline.claimx import events
from claimx_pipeline.domain import messages
from claimx_pipeline.media import messages as media
from claimx_pipeline.plugins import action_messages
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters import dead_letter

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "messages.md"
COMMAND = "python -m tests.pages.messages"

HEAD = """\
# Messages and headers

What is in the records of the pipeline's topics: for authors of plugins that read them, and for
those who look at one by `claimx-run topics read`. This page is made from the code by
`{command}`; a test fails when it is out of date. Which topic is written and
read by whom is on [Topics](topics.md).

Values are JSON in UTF-8, times ISO 8601 in UTC. Fields may be added by a version; they are not
renamed or removed without a note in the changelog. What the *key* of the record is called in the
value is the domain's own word: `project_id` for ClaimX.

## Headers

All begin with `claimx-`, but those of W3C's Trace Context. A header of another name is passed on
as it is. Publish nothing with these names yourself: `publish` and plugins are refused.

| Header | Meaning |
|---|---|
{headers}

Those on a record only while it waits or comes back are: {travelling}.

## Dead letters

A dead letter has the value, key and headers of its record, and beside them:

| Header | Meaning |
|---|---|
{dead}
| `{value_file}` | {value_file_doc} |
"""

MESSAGES: tuple[tuple[str, str, str, type[Any]], ...] = (
    ("claimx.enrichment.pending", "project id", "An event that is to be enriched.", events.Event),
    (
        "claimx.entities.rows",
        "project id",
        "What became of an event, and the rows that it brought.",
        messages.EntityMessage,
    ),
    ("claimx.downloads.pending", "owner and media id", "A file to fetch.", media.DownloadTask),
    ("claimx.downloads.cached", "owner and media id", "A file to store.", media.CachedFile),
    ("claimx.downloads.results", "owner and media id", "What became of it.", media.DownloadResult),
    (
        "claimx.actions.pending",
        "project id",
        "What a plugin asks for.",
        action_messages.ActionMessage,
    ),
)
"""Topic, key of its records, what a record is, and the class of its value."""

BESIDE = {
    "claimx.enrichment.pending": [("created_at", "When it was made into a task.")],
    "claimx.entities.rows": [
        ("plugins", "Kinds of `rows` that a plugin declares, each with the plugin."),
        ("columns", "Columns with a value that a plugin declares, by kind, each with the plugin."),
    ],
}
"""What is added when it is written."""

HIDDEN = frozenset({"key_name"})
"""Fields that are not on the wire."""

KEY = "project_id"
"""What the key is called in messages of ClaimX."""


def page() -> str:
    """Return the page."""
    own = {value: doc for name, value, doc in constants(headers) if _is_header(name, value)}
    docs = {value: doc for _, value, doc in constants(dead_letter)}
    dead = [
        f"| `{dead_letter.PREFIX}{name.replace('_', '-')}` | {doc} |"
        for name, doc in fields(dead_letter.DeadLetter)
    ]
    parts = [
        HEAD.format(
            command=COMMAND,
            headers="\n".join(f"| `{name}` | {by_value(doc)} |" for name, doc in own.items()),
            travelling=", ".join(f"`{name}`" for name in sorted(headers.TRAVELLING)),
            dead="\n".join(dead),
            value_file=dead_letter.VALUE_FILE,
            value_file_doc=docs[dead_letter.VALUE_FILE],
        )
    ]
    for topic, key, what, kind in MESSAGES:
        parts += [f"## `{topic}`\n", f"{what} Keyed by {key}.\n", "| Field | Meaning |\n|---|---|"]
        parts += [f"| `{name}` | {doc} |" for name, doc in (*fields(kind), *BESIDE.get(topic, ()))]
        parts.append("")
    return "\n".join(parts)


def _is_header(name: str, value: object) -> bool:
    return (
        isinstance(value, str)
        and (value.startswith(headers.OWN_PREFIX) or name.startswith("TRACE_"))
        and value != headers.OWN_PREFIX
    )


def by_value(doc: str) -> str:
    """Return *doc* with headers as they are written, where it names their constants."""
    return re.sub(r"`([A-Z_]+)`", lambda found: f"`{getattr(headers, found[1])}`", doc)


def constants(module: ModuleType) -> Iterator[tuple[str, Any, str]]:
    """Yield name, value and docstring of the constants of *module*."""
    body = ast.parse(inspect.getsource(module)).body
    docs = _docs(body)
    for node in body:
        if isinstance(node, ast.Assign) and isinstance(target := node.targets[0], ast.Name):
            value = getattr(module, target.id)
            if isinstance(value, str):
                yield target.id, value, docs.get(target.id, "")


def fields(kind: type[Any]) -> list[tuple[str, str]]:
    """Return the fields of *kind* with what they mean, inherited ones first."""
    found: dict[str, str] = {}
    for each in reversed([base for base in kind.__mro__ if base.__module__ != "builtins"]):
        try:
            tree = ast.parse(inspect.cleandoc("\n" + inspect.getsource(each)))
        except (OSError, TypeError):
            continue
        (owner,) = (node for node in tree.body if isinstance(node, ast.ClassDef))
        docs = _docs(owner.body)
        for node in owner.body:
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                name = node.target.id
                if "ClassVar" not in ast.unparse(node.annotation) and name not in HIDDEN:
                    found[name] = docs.get(name, found.get(name, ""))
    return [(KEY if name == "key" else name, doc) for name, doc in found.items()]


def _docs(body: list[ast.stmt]) -> dict[str, str]:
    """Return the text below each assignment; several in a row share it."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                waiting.append(name)
            case ast.Expr(value=ast.Constant(value=str(text))):
                said = " ".join(text.split()).replace("``", "`").replace("|", "\\|")
                if waiting:
                    shared = (
                        waiting
                        if all(each.startswith("TRACE") for each in waiting)
                        else waiting[-1:]
                    )
                    found |= dict.fromkeys(shared, said)
                waiting = []
            case _:
                waiting = []
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
