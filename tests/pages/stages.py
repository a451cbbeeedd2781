"""``docs/reference/stages.md``, made from the registered stages and their options.

``python -m tests.pages.stages`` writes it again.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from claimx_pipeline import Pipeline
from claimx_pipeline.settings.schema import settings_schema
from claimx_pipeline.settings.tree.settings import SettingsSection
from tests.pages.settings import Rows, sentence

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "stages.md"
COMMAND = "python -m tests.pages.stages"

HEAD = """\
# Stages

Every stage that a worker's chain may be made of, by the name that settings use, with all its
options. This page is made from the stages by `{command}`; a test fails
when it is out of date. [Build a worker from stages](../how-to/build-a-worker-from-stages.md)
shows how they are put together; a plugin registers stages of its own by
[`claimx_register_stages`](hooks.md#claimx_register_stages).
"""


def page() -> str:
    """Return the page."""
    stages = Pipeline.load(environ={}, cwd=Path("/nonexistent")).stages
    parts = [HEAD.format(command=COMMAND)]
    for name, kind in sorted(stages.items()):
        summary = " ".join((inspect.getdoc(kind) or "").partition("\n\n")[0].split())
        parts += [f"## `{name}`\n", f"{sentence(summary)}\n", *options(kind.config_class)]
    return "\n".join(parts)


def options(kind: type[Any]) -> list[str]:
    """Return a table of the options of a stage."""
    schema = settings_schema([SettingsSection(name="options", kind=kind)])
    rows = list(Rows(schema).of("", schema["$defs"][kind.__name__]))
    if not rows:
        return ["It has no options.\n"]
    return ["| Option | Type | Default | What it does |", "|---|---|---|---|", *rows, ""]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
