"""``docs/reference/task-triggers.md``, made from the settings of task triggers.

``python -m tests.pages.task_triggers`` writes it again.
"""

from __future__ import annotations

from pathlib import Path

from claimx_pipeline.claimx.task_trigger import conditions
from claimx_pipeline.claimx.task_trigger.triggers import (
    LogAction,
    TaskTriggerConfig,
    Trigger,
    TriggerActions,
    WebhookAction,
)
from tests.pages.stages import options

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "task-triggers.md"
COMMAND = "python -m tests.pages.task_triggers"

HEAD = """\
# Task triggers

A task trigger publishes, calls or logs something when a task of a given template is assigned or
completed. It needs no code: `claimx-run init` writes a disabled one to begin with. This page is
made from its settings by `{command}`; a test fails when it is out of date.

```yaml
# plugins/config/photo_requests/config.yaml
name: photo_requests
module: claimx_pipeline.plugins.task_trigger
class: TaskTriggerPlugin
config:
  triggers:
    4001:
      name: photo request
      on_completed:
        publish_to_topic: acme.photos.done
        log: "Photos of {{project_id}} are there: {{assignment_id}}"
        conditions:
          all:
            - {{field: task_status, equals: completed}}
            - any:
                - {{field: project.state_province, in: [TX, OK]}}
                - {{field: task_name, matches: "^Photo"}}
```
"""

CONDITIONS = """\
## Conditions

`conditions` may be written for the whole plugin, for a trigger and for each of its blocks; all that
are written have to hold. It is `any: […]` or `all: […]`; members are comparisons, or again `any` or
`all`. A comparison is a `field` and one of these operators:

| Operator | Value | Holds if the field |
|---|---|---|
{operators}

The fields are {fields}, and `task.` or
`project.` followed by a column of [their tables](tables.md). Values are compared as text, so `4001` and `"4001"` are equal;
{status} are compared without case. A project that is not known has no value
in any field. A mistake in a condition is found when the settings are read.
"""

OPERATORS = {
    "equals": ("a single value", "is the value"),
    "not_equals": ("a single value", "is another value, or has none"),
    "in": ("a list", "is one of the values"),
    "not_in": ("a list", "is none of the values, or has none"),
    "exists": ("`true` or `false`", "has a value, or has none"),
    "matches": ("a regular expression", "has a value in which it is found, anywhere"),
}

INNER = {
    TaskTriggerConfig: "`triggers` maps the id of a task template to a trigger.",
    Trigger: "`on_assigned`, `on_completed` and `on_any` are blocks; `on_any` runs on every task\n"
    "event, besides the other two.",
    TriggerActions: "`webhook` is a URL or a webhook as below, `log` a text or a log line as below.",
}

KINDS = (
    ("The plugin", TaskTriggerConfig),
    ("A trigger", Trigger),
    ("A block", TriggerActions),
    ("A webhook", WebhookAction),
    ("A log line", LogAction),
)


def page() -> str:
    """Return the page."""
    parts = [HEAD.format(command=COMMAND)]
    for title, kind in KINDS:
        parts += [f"## {title}\n", *_own(options(kind))]
        if kind in INNER:
            parts.append(f"{INNER[kind]}\n")
    rows = [f"| `{name}` | {OPERATORS[name][0]} | {OPERATORS[name][1]} |" for name in _operators()]
    fields = _listed([*conditions._OF_EVENT, *conditions._OF_TASK], "")
    status = _listed(sorted(conditions._STATUS), "and ")
    parts.append(CONDITIONS.format(operators="\n".join(rows), fields=fields, status=status))
    return "\n".join(parts)


def _operators() -> tuple[str, ...]:
    return conditions._OPERATORS


def _listed(names: list[str], last: str) -> str:
    shown = [f"`{name}`" for name in names]
    return ", ".join(shown[:-1]) + f", {last}".replace(", and ", " and ") + shown[-1]


def _own(lines: list[str]) -> list[str]:
    """Return the options of a class without those of the classes in it, which follow."""
    return [line for line in lines if "." not in line.partition(" | ")[0]]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
