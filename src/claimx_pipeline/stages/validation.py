"""Stage ``validation``: lets through what the stages after it can work with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, fields, frozen

from claimx_pipeline.errors import RecordError
from claimx_pipeline.stages.fields import read_field
from claimx_pipeline.stages.protocol import Item, RecordStage


@frozen(kw_only=True)
class FieldRule:
    """What one field must be, if it is there. Every rule given must hold."""

    RETIRED: ClassVar[Mapping[str, str]] = {"allowed_values": "write 'in'"}

    equals: Any = None
    """Exactly this value."""

    in_: tuple[Any, ...] | None = None
    """One of these values; written ``in``, which Python keeps for itself."""

    min: float | None = None
    """At least this number."""

    max: float | None = None
    """At most this number."""

    matches: str | None = None
    """A regular expression that the whole text matches."""

    def broken_by(self, value: Any) -> str | None:
        """Return what *value* should be, or None if it is."""
        if self.equals is not None and value != self.equals:
            return f"must be {self.equals!r}"
        if self.in_ is not None and value not in self.in_:
            return f"must be one of {', '.join(map(repr, self.in_))}"
        if self.min is not None and not (_number(value) and value >= self.min):
            return f"must be a number of at least {self.min:g}"
        if self.max is not None and not (_number(value) and value <= self.max):
            return f"must be a number of at most {self.max:g}"
        if self.matches is not None and not re.fullmatch(self.matches, str(value)):
            return f"must match {self.matches!r}"
        return None


@frozen(kw_only=True)
class SkipRule:
    """Records to leave out without an error."""

    field: str
    """Dotted path of the field."""

    equals: Any = None
    """Left out if the field has this value; a missing field counts as null."""


@frozen(kw_only=True)
class ValidationConfig:
    """Options of ``validation``."""

    required_fields: tuple[str, ...] = ()
    """Dotted paths of fields that must be there and not null."""

    field_rules: Mapping[str, FieldRule] = field(factory=dict)
    """Dotted path to its rule."""

    skip_if: SkipRule | None = None
    """Looked at first."""


class ValidationStage(RecordStage):
    """Fails a record that lacks a field or breaks a rule; it can never work."""

    config_class: ClassVar[type[Any]] = ValidationConfig

    def __init__(self, config: ValidationConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        """Check one record.

        Raises:
            RecordError: Permanent; names every field that is wrong.
        """
        skip = self.config.skip_if
        if skip is not None and read_field(item.data, skip.field) == skip.equals:
            item.skip(f"{skip.field} is {skip.equals!r}")
            return
        problems = [
            f"field {path!r} is missing"
            for path in self.config.required_fields
            if read_field(item.data, path) is None
        ]
        for path, rule in self.config.field_rules.items():
            value = read_field(item.data, path)
            expected = rule.broken_by(value) if value is not None else None
            if expected:
                problems.append(f"field {path!r} is {value!r}, {expected}")
        if problems:
            raise RecordError("; ".join(problems))


def _number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


RULES: tuple[str, ...] = tuple(each.name.rstrip("_") for each in fields(FieldRule))
"""Names of the rules, as they are written in settings."""
