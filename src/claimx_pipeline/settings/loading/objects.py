"""One block of settings to one attrs object: its keys, its validators, its defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, get_args

import attrs
from attrs import NOTHING, Attribute, define, evolve, field

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.kinds import KIND
from claimx_pipeline.settings.loading.nodes import Block, Location, Scalar, ValueOrigin
from claimx_pipeline.settings.loading.paths import SettingPath, format_path
from claimx_pipeline.settings.loading.scalars import RefusedError, wrong
from claimx_pipeline.settings.loading.texts import fault_of_key
from claimx_pipeline.settings.loading.unresolved import UnresolvedSetting
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.validators import INLINE

NOWHERE = ValueOrigin.named("")


@define
class _Draft:
    """An object in the making."""

    kind: type[Any]
    location: Location
    given: dict[str, Any] = field(factory=dict)
    """By attribute name."""
    waiting: set[str] = field(factory=set)
    """Attributes that hold, or are, something without a value."""
    problems: list[Problem] = field(factory=list)


@define
class ClassBuilder:
    """Builds objects of attrs classes; *build* builds what their fields ask for."""

    _build: Callable[[Location, Any], Any]
    _unresolved: list[UnresolvedSetting]
    _sections: Mapping[str, type[Any]] | None

    def build(self, location: Location, kind: type[Any]) -> Any:
        """Return the block at *location* as a *kind*.

        Raises:
            RefusedError: All problems of all its fields.
        """
        node = location.node
        if isinstance(node, Scalar) and node.blank:
            node = Block({}, node.origin)
        if not isinstance(node, Block):
            raise wrong(location, "a mapping of settings")
        draft = _Draft(kind, location)
        plain, inline = shape(kind)
        beside = {}
        for key, child in node.entries.items():
            here = location.child(key, child)
            retired = getattr(kind, "RETIRED", {}).get(key)
            if retired and key not in plain and not (inline and isinstance(child, Block)):
                said = f"{key!r} is not a key of this version; {retired}"
                draft.problems.append(here.problem(said))
            elif key in plain:
                self._add(draft, plain[key].name, here, plain[key].type)
                draft.problems += _unfit(draft, plain[key], here)
            elif inline is not None and (fault := fault_of_key(here, key)) is not None:
                above = evolve(here, path=location.path)
                draft.problems.append(above.problem(f"name {key!r} {fault}"))
            elif inline is not None and (wanted := self._inline_kind(inline, key)) is not None:
                beside[key] = (here, wanted)
            elif inline is None or not self._unknown_yet(inline):
                draft.problems.append(self._unknown_key(here, key, [*plain], inline))
        if inline is not None:
            self._add_inline(draft, inline, beside)
        self._name_missing(draft, plain)
        return finished(draft)

    def _add(self, draft: _Draft, name: str, location: Location, kind: Any) -> None:
        waiting = len(self._unresolved)
        try:
            draft.given[name] = self._build(location, kind)
        except RefusedError as refused:
            draft.problems += refused.problems
            draft.waiting.add(name)
        if len(self._unresolved) > waiting:
            draft.waiting.add(name)

    def _add_inline(
        self, draft: _Draft, inline: Attribute[Any], beside: dict[str, tuple[Location, Any]]
    ) -> None:
        if inline.metadata[INLINE] == "sections":
            for name, kind in (self._sections or {}).items():
                beside.setdefault(name, (draft.location.child(name, Block({}, NOWHERE)), kind))
        built = _Draft(draft.kind, draft.location)
        for key, (location, kind) in beside.items():
            self._add(built, key, location, kind)
        draft.given[inline.name] = built.given
        draft.problems += built.problems
        if built.waiting:
            draft.waiting.add(inline.name)

    def _inline_kind(self, inline: Attribute[Any], key: str) -> Any:
        if inline.metadata[INLINE] == "sections":
            return (self._sections or {}).get(key)
        return get_args(inline.type)[1]

    def _unknown_yet(self, inline: Attribute[Any]) -> bool:
        return inline.metadata[INLINE] == "sections" and self._sections is None

    def _unknown_key(
        self, location: Location, key: str, known: list[str], inline: Attribute[Any] | None
    ) -> Problem:
        said = f"unknown key {key!r}"
        if inline is not None:
            known = [*known, *(self._sections or {})]
            said += "; neither the core nor any installed plugin offers it"
        close = get_close_matches(key, known, 1)
        elsewhere = _paths_ending(key, location.path[:-1])
        if close:
            return location.problem(f"{said}; did you mean {close[0]!r}?")
        if elsewhere:
            return location.problem(f"{said}; did you mean {elsewhere[0]!r}?")
        return location.problem(f"{said}; known keys are {', '.join(sorted(known))}")

    def _name_missing(self, draft: _Draft, plain: Mapping[str, Attribute[Any]]) -> None:
        node = draft.location.node
        for key, attribute in plain.items():
            untouched = attribute.name not in draft.given and attribute.name not in draft.waiting
            if attribute.default is NOTHING and untouched:
                here = draft.location.child(key, Scalar(None, node.origin))
                draft.problems.append(here.problem("is missing; give it a value"))
                draft.waiting.add(attribute.name)


def _unfit(draft: _Draft, attribute: Attribute[Any], here: Location) -> list[Problem]:
    """Return what the field's kind of text has against its value."""
    judge = attribute.metadata.get(KIND)
    if judge is None or attribute.name in draft.waiting:
        return []
    value = draft.given.get(attribute.name)
    blank = value is None or (isinstance(value, str) and not value.strip())
    fault = None if blank else judge(value)
    if fault is None:
        return []
    return [here.problem(_readable(fault, attribute.name, value, here.node))]


def shape(kind: type[Any]) -> tuple[dict[str, Attribute[Any]], Attribute[Any] | None]:
    """Return the fields of *kind* by their keys, and the one that is inline, if any."""
    attrs.resolve_types(kind)
    fields = [attribute for attribute in attrs.fields(kind) if attribute.init]
    # A key that is a word of Python's own, as "in", is an attribute with an underscore.
    plain = {each.alias.rstrip("_"): each for each in fields if INLINE not in each.metadata}
    inline = next((each for each in fields if INLINE in each.metadata), None)
    return plain, inline


def as_plain(value: Any) -> Any:
    """Return *value*, an object of settings, as plain values under the keys of a file."""
    if attrs.has(type(value)):
        fields = shape(type(value))[0]
        return {key: as_plain(getattr(value, each.name)) for key, each in fields.items()}
    if isinstance(value, Mapping):
        return {key: as_plain(below) for key, below in value.items()}
    if isinstance(value, (list, tuple)):
        return [as_plain(below) for below in value]
    return value


def finished(draft: _Draft) -> Any:
    """Return the object, or raise all that its fields and validators have against it."""
    if not draft.problems and not draft.waiting:
        aliases = {each.name: each.alias for each in attrs.fields(draft.kind)}
        values = {aliases[name]: value for name, value in draft.given.items()}
        try:
            return draft.kind(**values)
        except (TypeError, ValueError) as error:
            complaint = str(error)
        whole, found = _validated(draft)
        raise RefusedError(found or [draft.location.problem(complaint)])
    whole, found = _validated(draft)
    if draft.problems or found:
        raise RefusedError([*draft.problems, *found])
    return whole


def _validated(draft: _Draft) -> tuple[Any, list[Problem]]:
    """Return the object made field by field, and what each field's validator says.

    attrs itself stops at the first validator, and cannot leave out a field that waits.
    """
    whole = object.__new__(draft.kind)
    for attribute in attrs.fields(draft.kind):
        value = draft.given.get(attribute.name, NOTHING)
        if value is NOTHING:
            value = _default(attribute, whole)
        if value is not NOTHING:
            object.__setattr__(whole, attribute.name, value)
    problems: list[Problem] = []
    for attribute in attrs.fields(draft.kind):
        if attribute.name in draft.given and attribute.name not in draft.waiting:
            problems += _complaints(draft, attribute, whole)
    return whole, problems


def _default(attribute: Attribute[Any], whole: Any) -> Any:
    default: Any = attribute.default
    if not hasattr(default, "takes_self"):  # attrs.Factory, which is typed as a function
        return default
    return default.factory(whole) if default.takes_self else default.factory()


def _converted(attribute: Attribute[Any], value: Any, whole: Any) -> Any:
    converter: Any = attribute.converter
    if not hasattr(converter, "takes_self"):  # attrs.Converter
        return converter(value)
    extra = [whole] * converter.takes_self + [attribute] * converter.takes_field
    return converter.converter(value, *extra)


def _complaints(draft: _Draft, attribute: Attribute[Any], whole: Any) -> list[Problem]:
    """Convert and validate one field of *whole*."""
    value = draft.given[attribute.name]
    try:
        if attribute.converter is not None:
            value = _converted(attribute, value, whole)
            object.__setattr__(whole, attribute.name, value)
        if attribute.validator is not None:
            attribute.validator(whole, attribute, value)
    except (TypeError, ValueError) as error:
        said = str(error.args[0]) if error.args else type(error).__name__
    except AttributeError:
        # It looks at a field that has a problem of its own, which is reported.
        if draft.waiting:
            return []
        raise
    else:
        return []
    node = draft.location.node
    key = attribute.alias or attribute.name
    child = node.entries.get(key) if isinstance(node, Block) else None
    here = draft.location.child(key, child or node)
    return [here.problem(_readable(said, attribute.name, value, child))]


def _readable(said: str, name: str, value: Any, node: Any) -> str:
    """Return what a validator said, without a value that came from the environment.

    The name goes too: it is part of the path.
    """
    said = said.removeprefix(f"'{name}' ")
    plain = said.removesuffix(f": {value}")
    if not isinstance(node, Scalar) or not node.variables:
        return said if plain == said else f"{plain}, got {value}"
    if isinstance(value, str) and value:
        plain = plain.replace(value, "…")
    return f"{plain}; look at {' and '.join(node.variables)}"


def _paths_ending(key: str, above: SettingPath) -> list[str]:
    """Return the core's settings that are called *key* in another block."""
    found: list[str] = []
    waiting: list[tuple[SettingPath, type[Any]]] = [((), Settings)]
    while waiting:
        path, kind = waiting.pop(0)
        for name, attribute in shape(kind)[0].items():
            here = (*path, name)
            if name == key and path != above:
                found.append(format_path(here))
            if isinstance(attribute.type, type) and attrs.has(attribute.type):
                waiting.append((here, attribute.type))
    return found
