"""How a single value becomes what its setting asks for, or a sentence why not.

A value written in YAML must have the right type already. A text from the environment,
from ``${VAR}`` or from the command line is converted. Messages show what was written in
a file; of the rest they name the variable only.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import Block, Items, Location, Scalar
from claimx_pipeline.settings.loading.paths import SettingPath
from claimx_pipeline.settings.loading.texts import fault_of, fault_of_secret, is_single_line
from claimx_pipeline.settings.masking import names_credential
from claimx_pipeline.settings.secret import Secret

_WHOLE = re.compile(r"[-+]?[0-9]{1,19}")
_NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}")
_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})
_LONGEST_SHOWN = 60
_LARGEST_WHOLE = 2**63 - 1
_MOST_SECONDS = 3e9
_MOST_HOURS = 1e6


class RefusedError(Exception):
    """A part of the settings cannot be used; carries every problem found in it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = list(problems)


def refuse(location: Location, what: str) -> RefusedError:
    """Return the error that says *what* is wrong at *location*."""
    return RefusedError([location.problem(what)])


def wrong(location: Location, expected: str, *, hint: str = "") -> RefusedError:
    """Return the error that *location* holds something else than *expected*."""
    advice = f"; {hint}" if hint else ""
    return refuse(location, f"expected {expected}, got {described(location)}{advice}")


def described(location: Location) -> str:
    """Return what *location* holds, in words, without showing a secret."""
    node = location.node
    if isinstance(node, Block):
        return "a mapping"
    if isinstance(node, Items):
        return "a list"
    if node.variables:
        return f"the value of {' and '.join(node.variables)}, which is not shown"
    value = node.value
    if value is None:
        return "nothing"
    kind = {bool: "", int: "the number ", float: "the number "}.get(type(value), "text ")
    if names_credential(location.path):
        return f"{kind}that is not shown".strip() if kind else "true or false"
    shown = str(value).lower() if isinstance(value, bool) else repr(value)
    return kind + (shown if len(shown) <= _LONGEST_SHOWN else shown[:_LONGEST_SHOWN] + "…")


def as_text(location: Location, _: Any = str) -> str:
    """Return the text at *location*."""
    value = _plain(location, "text")
    if not isinstance(value, str):
        hint = "put it in quotes" if value is not None else "give it one or remove the key"
        raise wrong(location, "text", hint=hint)
    if "${" in value:
        raise refuse(location, _left_over(location))
    if (fault := fault_of(location)) is not None:
        raise refuse(location, _of_variables(location, fault))
    return value


def as_secret(location: Location, _: Any = Secret) -> Secret:
    """Return the credential at *location*."""
    value = _plain(location, "text")
    if value is None:
        raise wrong(location, "text", hint="give it one or remove the key")
    if not isinstance(value, str):
        raise refuse(location, "expected text, got something else, which is not shown; quote it")
    if _REFERENCE.search(value):
        raise refuse(location, _left_over(location))
    if not value.strip():
        raise refuse(location, "must not be empty; give it a value or remove it")
    if (fault := fault_of_secret(location)) is not None:
        raise refuse(location, _of_variables(location, fault))
    return Secret(value)


def as_truth(location: Location, _: Any = bool) -> bool:
    """Return the truth value at *location*."""
    value = _plain(location, "true or false")
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and _is_outside_text(location):
        word = value.strip().lower()
        if word in _TRUE or word in _FALSE:
            return word in _TRUE
    raise wrong(location, "true or false")


def as_whole(location: Location, _: Any = int) -> int:
    """Return the whole number at *location*."""
    value = _plain(location, "a whole number")
    filled = (
        isinstance(value, str) and _is_outside_text(location) and _WHOLE.fullmatch(value.strip())
    )
    if filled or (isinstance(value, int) and not isinstance(value, bool)):
        number = int(value)
        if abs(number) > _LARGEST_WHOLE:
            raise refuse(location, f"must be at most {_LARGEST_WHOLE}")
        return number
    raise wrong(location, "a whole number", hint=_unquote_hint(location, _WHOLE))


def as_number(location: Location, _: Any = float) -> float:
    """Return the number at *location*; neither infinite nor "not a number"."""
    value = _plain(location, "a number")
    filled = (
        isinstance(value, str) and _is_outside_text(location) and _NUMBER.fullmatch(value.strip())
    )
    if filled or (isinstance(value, (int, float)) and not isinstance(value, bool)):
        number = _finite(value)
        if number is not None:
            if is_single_line(location.path) and abs(number) > (most := _most(location.path)):
                raise refuse(location, f"must be at most {most:.0f}")
            return number
    raise wrong(location, "a number", hint=_unquote_hint(location, _NUMBER))


def as_choice(location: Location, choices: Sequence[Any]) -> Any:
    """Return the one of *choices* that *location* holds.

    A text from outside may differ in upper and lower case, or be a number's digits.
    """
    named = ", ".join(str(choice) for choice in choices)
    value = _plain(location, f"one of {named}")
    for choice in choices:
        if type(value) is type(choice) and value == choice:
            return choice
        if _is_outside_text(location) and str(value).strip().lower() == str(choice).lower():
            return choice
    raise wrong(location, f"one of {named}")


def as_is(node: Scalar, location: Location) -> Any:
    """Return the value as YAML has it, for settings without a fixed shape."""
    if isinstance(node.value, str):
        if "${" in node.value:
            raise refuse(location, _left_over(location))
        if (fault := fault_of(location)) is not None:
            raise refuse(location, _of_variables(location, fault))
    return node.value


def is_empty_text(location: Location) -> bool:
    """Tell whether a text from outside is empty, as ``${PORT:-}`` may be."""
    return _is_outside_text(location) and getattr(location.node, "value", None) == ""


def _most(path: SettingPath) -> float:
    """Return the largest number that a setting of time may be: about a hundred years."""
    return _MOST_HOURS if str(path[-1]).endswith("_hours") else _MOST_SECONDS


def _finite(value: float | str) -> float | None:
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def _plain(location: Location, expected: str) -> Any:
    if not isinstance(location.node, Scalar):
        raise wrong(location, expected)
    return location.node.value


def _is_outside_text(location: Location) -> bool:
    return isinstance(location.node, Scalar) and location.node.text


def _unquote_hint(location: Location, pattern: re.Pattern[str]) -> str:
    value = getattr(location.node, "value", None)
    quoted = isinstance(value, str) and not _is_outside_text(location)
    return "remove the quotes" if quoted and pattern.fullmatch(str(value)) else ""


def _of_variables(location: Location, fault: str) -> str:
    variables = location.node.variables if isinstance(location.node, Scalar) else ()
    return f"the value of {' and '.join(variables)} {fault}" if variables else fault


def _left_over(location: Location) -> str:
    variables = location.node.variables if isinstance(location.node, Scalar) else ()
    holder = f"the value of {' and '.join(variables)} holds" if variables else "holds"
    return f"{holder} '${{', a variable that was not filled in; give the value itself"
