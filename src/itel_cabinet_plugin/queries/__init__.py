"""The plugin's named queries, kept as they can be pasted anywhere: ``task_tracking.sql``."""

from __future__ import annotations

import re
from importlib import resources
from typing import Final

from claimx_pipeline.tables import NamedQuery, Parameter

_BLOCK: Final = re.compile(
    r"^-- name: (?P<name>\S+)\n-- summary: (?P<summary>.+)\n(?P<params>(?:-- param: .+\n)*)"
    r"(?P<sql>[^;]+);$",
    re.MULTILINE,
)
_PARAM: Final = re.compile(r"-- param: (?P<name>\w+) (?P<default>\d+) (?P<summary>.+)")


def queries() -> list[NamedQuery]:
    """Return the queries in the file, in its order."""
    text = resources.files(__package__).joinpath("task_tracking.sql").read_text(encoding="utf-8")
    return [
        NamedQuery(
            block["name"],
            block["summary"],
            block["sql"],
            tuple(
                Parameter(param["name"], param["summary"], int(param["default"]))
                for param in _PARAM.finditer(block["params"])
            ),
        )
        for block in _BLOCK.finditer(text)
    ]
