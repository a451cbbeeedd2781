"""Why a value is not the JSON that was wanted, as a person would say it."""

from __future__ import annotations

import re

import msgspec

_EXPECTED = re.compile(r"Expected `(?P<wanted>[^`]+)`(?:, got `(?P<given>[^`]+)`|(?P<rest>[^`]*))")
_MISSING = re.compile(r"Object missing required field `(?P<name>[^`]+)`")
_PATH = re.compile(r" - at `(?P<path>[^`]*)`$")
_TYPES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "null": "null",
    "object": "an object",
    "array": "a list",
    "datetime": "a time",
    "date": "a date",
    "bytes": "text in base64",
}
_TRUNCATED = "Input data was truncated"


def why(error: Exception) -> str:
    """Return why a value could not be read as JSON, or as the kind of JSON that was wanted.

    Args:
        error: What msgspec raised, or ``UnicodeDecodeError`` or ``RecursionError``.
    """
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, UnicodeDecodeError):
        return f"it is not UTF-8 (byte {error.start})"
    if isinstance(error, msgspec.ValidationError):
        return _of_another_kind(str(error))
    return str(error).replace(_TRUNCATED, "it ends too early").removeprefix("JSON is malformed: ")


def _of_another_kind(said: str) -> str:
    """Return why JSON is not of the kind that was wanted."""
    at = _PATH.search(said)
    path = at["path"].removeprefix("$").removeprefix(".") if at else ""
    said = said[: at.start()] if at else said
    subject = repr(path) if path else "it"
    if found := _MISSING.match(said):
        return f"{'.'.join(filter(None, (path, found['name'])))!r} is missing"
    if found := _EXPECTED.match(said):
        kinds = found["wanted"].split(" | ")
        wanted = " or ".join(_named(e) for e in kinds if e != "int" or "float" not in kinds)
        if found["given"]:
            return f"{subject} is {_named(found['given'])}, and must be {wanted}"
        return f"{subject} must be {wanted}{found['rest']}"
    return f"{subject}: {said[:1].lower()}{said[1:]}"


def _named(kind: str) -> str:
    return _TYPES.get(kind, kind)
