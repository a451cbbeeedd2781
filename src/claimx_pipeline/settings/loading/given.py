"""Settings that a program gives as objects: what a file could say, and nothing else."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from pathlib import PurePath
from typing import Any

from claimx_pipeline.errors import Problem, SettingsError

GIVEN = "the given settings"


def plain(value: Any, path: str = "") -> Any:
    """Return *value* as JSON can hold it; paths and times become texts.

    Args:
        value: A setting, or a mapping or list of them.
        path: Where it is, dotted.

    Raises:
        SettingsError: It holds an object that no file could hold, or itself.
    """
    try:
        return _plain(value, path)
    except RecursionError:
        raise SettingsError(
            [Problem(GIVEN, "are nested too deeply; give mappings that do not hold themselves")]
        ) from None


def _plain(value: Any, path: str) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(each, f"{path}.{key}") for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each, f"{path}[{at}]") for at, each in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise _refused(path, f"is {value}; give a finite number")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, (PurePath, date)):
        return str(value)
    raise _refused(path, f"is an object of the class {type(value).__name__!r}; give its text")


def _refused(path: str, what: str) -> SettingsError:
    where = path.removeprefix(".")
    return SettingsError([Problem(f"{GIVEN}: {where}" if where else GIVEN, what)])
