"""Changes JSON values by a mapping of dotted paths, as ``dlq replay --transform`` takes it.

``PATH=VALUE`` sets what is at a path: JSON, or text as it is. ``PATH=@OTHER`` copies what is at
another path, ``PATH=`` removes it. Numbers that are not touched stay digit by digit.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any, Literal

import msgspec
from attrs import frozen

from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.record_filter import values_at

_encode = msgspec.json.Encoder(decimal_format="number").encode


class TransformError(ValueError):
    """A value cannot be changed; the text says why."""


@frozen
class ValueChange:
    """One change."""

    path: str
    kind: Literal["set", "copy", "remove"]
    value: Any = None
    """What is set; for a copy the other path."""

    @classmethod
    def parse(cls, text: str) -> ValueChange:
        """Return the change written as ``PATH=VALUE``.

        Raises:
            UsageError: It is not written so.
        """
        path, equals, value = text.partition("=")
        path = path.strip()
        if not equals or not path or not all(path.split(".")):
            raise UsageError(
                f"{text!r} is not a valid change; write PATH=JSON, PATH=@OTHER.PATH to copy, or "
                "PATH= to remove"
            )
        if not value:
            return cls(path, "remove")
        if value.startswith("@") and value[1:]:
            return cls(path, "copy", value[1:])
        try:
            return cls(path, "set", json.loads(value, parse_float=Decimal))
        except ValueError:
            return cls(path, "set", value)


@frozen
class RecordTransform:
    """Changes that are made one after the other."""

    changes: Sequence[ValueChange]

    @classmethod
    def parse(cls, texts: Iterable[str]) -> RecordTransform | None:
        """Return the transform that people write; None if they write none.

        Raises:
            UsageError: One of them is not a valid change.
        """
        changes = tuple(ValueChange.parse(text) for text in texts)
        return cls(changes) if changes else None

    def __call__(self, content: bytes | None) -> bytes:
        """Return a record's value changed.

        Raises:
            TransformError: It is not a JSON object, or lacks what is to be copied.
        """
        try:
            value = json.loads(content or b"", parse_float=Decimal)
        except (ValueError, RecursionError) as error:
            raise TransformError(
                f"its value is not JSON, and cannot be changed: {error}"
            ) from error
        if not isinstance(value, dict):
            raise TransformError("its value is not a JSON object, so it has no paths")
        for change in self.changes:
            _apply(value, change)
        try:
            return _encode(value)
        except (OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise TransformError(f"its value cannot be written again: {error}") from error


def _apply(value: dict[str, Any], change: ValueChange) -> None:
    new = change.value
    if change.kind == "copy":
        found = list(values_at(value, str(change.value)))
        if not found:
            raise TransformError(f"it has nothing at {change.value!r}, which is to be copied")
        new = found[0]
    *parents, name = change.path.split(".")
    at: Any = value
    for parent in parents:
        if change.kind == "remove" and (not isinstance(at, Mapping) or parent not in at):
            return
        at = at.setdefault(parent, {})
        if not isinstance(at, dict):
            raise TransformError(f"what is at {parent!r} in {change.path!r} is not an object")
    if change.kind == "remove":
        at.pop(name, None)
    else:
        at[name] = new
