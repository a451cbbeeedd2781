"""The settings as JSON Schema, for editors that complete and check while one types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import NoneType
from typing import Any, Literal, get_args, get_origin

import attrs
from attrs import Attribute, define, field

from claimx_pipeline.settings.loading.docstrings import class_doc, field_docs
from claimx_pipeline.settings.loading.objects import shape
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.settings import Settings, SettingsSection
from claimx_pipeline.settings.tree.validators import INLINE

Schema = dict[str, Any]

FROM_ENVIRONMENT: Schema = {"type": "string", "pattern": r"\$\{"}
"""``${VAR}`` may stand for a value of any type."""

_SINGLE = {int: "integer", float: "number", bool: "boolean"}
_BOUNDS = {">=": "minimum", ">": "exclusiveMinimum", "<=": "maximum", "<": "exclusiveMaximum"}


def settings_schema(sections: Sequence[SettingsSection] = ()) -> Schema:
    """Return the JSON Schema (draft 2020-12) of a settings file.

    Args:
        sections: The sections that plugins registered.
    """
    making = _Making()
    making.of_class(Settings)
    top = making.definitions.pop(Settings.__name__)
    for section in sections:
        if section.kind is not None:
            top["properties"][section.name] = making.of_class(section.kind)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Settings of claimx-pipeline",
        **top,
        "$defs": making.definitions,
    }


@define
class _Making:
    definitions: dict[str, Schema] = field(factory=dict)

    def of_class(self, kind: type[Any]) -> Schema:
        """Define *kind* once and return a reference to it."""
        name = kind.__name__
        if name in self.definitions and self.definitions[name]["$comment"] != kind.__module__:
            name = f"{kind.__module__}.{name}"
        if name not in self.definitions:
            self.definitions[name] = {"$comment": kind.__module__}
            self.definitions[name] |= self._class(kind)
        return {"$ref": f"#/$defs/{name}"}

    def _class(self, kind: type[Any]) -> Schema:
        plain, inline = shape(kind)
        docs = field_docs(kind)
        beside: Any = False
        if inline is not None and inline.metadata[INLINE] != "sections":
            beside = self.of(get_args(inline.type)[1])
        made: Schema = {
            # A heading with nothing beneath it is an empty section.
            "type": ["object", "null"],
            "description": class_doc(kind),
            "properties": {
                key: self._field(attribute, docs.get(attribute.name, ""))
                for key, attribute in plain.items()
            },
            "additionalProperties": beside,
        }
        required = [key for key, each in plain.items() if each.default is attrs.NOTHING]
        return made | ({"required": required} if required else {})

    def _field(self, attribute: Attribute[Any], doc: str) -> Schema:
        made = self.of(attribute.type, dict(_bounds(attribute.validator)))
        if doc:
            made["description"] = doc
        default = attribute.default
        if isinstance(default, (str, int, float, bool)):
            made["default"] = default
        return made

    def of(self, kind: Any, bounds: Mapping[str, float] | None = None) -> Schema:
        """Return the schema of a value of type *kind*."""
        origin, arguments = get_origin(kind) or kind, get_args(kind)
        if attrs.has(origin) and origin is not Secret:
            return self.of_class(origin)
        if isinstance(origin, type) and issubclass(origin, Mapping):
            values = self.of(arguments[1]) if arguments else {}
            return {"type": ["object", "null"], "additionalProperties": values}
        if isinstance(origin, type) and issubclass(origin, Iterable) and origin is not str:
            return {"type": "array", "items": self.of(arguments[0]) if arguments else {}}
        if arguments and origin is not Literal:
            return {"anyOf": _flat([self.of(member, bounds) for member in arguments])}
        return _single(kind, bounds or {})


def _single(kind: Any, bounds: Mapping[str, float]) -> Schema:
    if kind is Any:
        return {}
    if kind in (Secret, str):
        return {"type": "string"}
    if kind is NoneType:
        return {"type": "null"}
    if get_origin(kind) is Literal:
        return {"anyOf": [{"enum": list(get_args(kind))}, FROM_ENVIRONMENT]}
    return {"anyOf": [{"type": _SINGLE[kind], **bounds}, FROM_ENVIRONMENT]}


def _flat(choices: Sequence[Schema]) -> list[Schema]:
    """Return *choices* with choices among them unfolded, each once."""
    found: list[Schema] = []
    for choice in choices:
        for each in choice.get("anyOf", [choice]):
            if each not in found:
                found.append(each)
    return found


def _bounds(validator: Any) -> Iterable[tuple[str, float]]:
    """Yield the JSON Schema words for the bounds that attrs' validators keep."""
    if validator is None:
        return
    if hasattr(validator, "compare_op"):
        yield _BOUNDS[validator.compare_op], validator.bound
    for inner in getattr(validator, "_validators", ()):
        yield from _bounds(inner)
    yield from _bounds(getattr(validator, "validator", None))
