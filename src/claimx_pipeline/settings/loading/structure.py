"""Raw settings to attrs objects: strict, and with every problem at once.

cattrs finds the hook for a type; the hooks are strict where cattrs is not (it would turn
null into ``'None'`` and ``'abc'`` into a list of characters) and know file and line.
"""

from __future__ import annotations

import types
from collections import abc
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, Union, get_args, get_origin

import attrs
from attrs import define, evolve, field

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.loading import scalars
from claimx_pipeline.settings.loading.nodes import (
    Block,
    FilledText,
    Items,
    Location,
    Node,
    Scalar,
    ValueOrigin,
    from_value,
    is_blank,
)
from claimx_pipeline.settings.loading.objects import ClassBuilder
from claimx_pipeline.settings.loading.scalars import RefusedError, refuse, wrong
from claimx_pipeline.settings.loading.texts import fault_of_key
from claimx_pipeline.settings.loading.unresolved import Unresolved, UnresolvedSetting
from claimx_pipeline.settings.secret import Secret

if TYPE_CHECKING:
    from cattrs import Converter

T = TypeVar("T")

_LISTS = (list, tuple, set, frozenset, abc.Sequence, abc.Set)
_MAPPINGS = (dict, abc.Mapping, abc.MutableMapping)


def structure_config(config: Mapping[str, Any], kind: type[T], where: str) -> T:
    """Return *config*, plain values from somewhere in the settings, as a *kind*.

    Args:
        config: Values as ``PluginSettings.config`` has them.
        kind: attrs class.
        where: Dotted path of *config*, for messages.

    Raises:
        SettingsError: All that is wrong with *config*.
    """
    structurer = Structurer()
    location = Location(from_value(config, ValueOrigin.named(where)))
    try:
        built: T = structurer.build(location, kind)
    except RefusedError as refused:
        problems = refused.problems
    else:
        return built
    raise SettingsError(problems)


@define
class Structurer:
    """Turns nodes into objects, and remembers what waits for a variable."""

    sections: Mapping[str, type[Any]] | None = field(factory=dict)
    """Section name to class, as plugins registered them; None if not known yet."""
    unresolved: list[UnresolvedSetting] = field(factory=list)
    broken: bool = False
    """Whether a part was left out because it had been reported as unusable before."""
    _converter: Converter = field(init=False)

    def __attrs_post_init__(self) -> None:
        from cattrs import Converter  # noqa: PLC0415 - slow to import, and not always needed

        self._converter = Converter()
        classes = ClassBuilder(self.build, self.unresolved, self.sections)
        # The last one registered is asked first.
        for predicate, hook in (
            (lambda _: True, _unknown_kind),
            (attrs.has, classes.build),
            (lambda kind: _is_one_of(kind, _LISTS), self._items),
            (lambda kind: _is_one_of(kind, _MAPPINGS), self._mapping),
            (_is_union, self._union),
            (_is_literal, _choice),
            (_is_any, self._free),
        ):
            self._converter.register_structure_hook_func(predicate, hook)
        for kind, exact in (
            (Secret, scalars.as_secret),
            (str, scalars.as_text),
            (int, scalars.as_whole),
            (float, scalars.as_number),
            (bool, scalars.as_truth),
            (bytes, _unknown_kind),
            (Enum, _unknown_kind),
            (Path, _unknown_kind),
        ):
            self._converter.register_structure_hook(kind, exact)

    def build(self, location: Location, kind: Any) -> Any:
        """Return what *location* holds as a *kind*.

        A value that waits for a variable becomes ``Unresolved``, whatever *kind* is.

        Raises:
            RefusedError: It cannot; every problem beneath *location* is named.
        """
        node = location.node
        if isinstance(node, Scalar) and node.broken:
            self.broken = True
            raise RefusedError([])
        if isinstance(node, Scalar) and node.missing:
            setting = UnresolvedSetting(location.path, node.origin.where, node.missing)
            self.unresolved.append(setting)
            return Unresolved(setting)
        return self._converter.structure(location, kind)

    def _mapping(self, location: Location, kind: Any) -> dict[Any, Any]:
        key_kind, value_kind = get_args(kind) or (str, Any)
        if isinstance(location.node, Scalar) and location.node.blank:
            return {}
        if not isinstance(location.node, Block):
            raise wrong(location, "a mapping")
        built: dict[Any, Any] = {}
        problems: list[Problem] = []
        for key, node in location.node.entries.items():
            here = location.child(key, node)
            if (fault := fault_of_key(here, key)) is not None:
                problems.append(evolve(here, path=location.path).problem(f"name {key!r} {fault}"))
                continue
            try:
                built[self._key(here, key, key_kind)] = self.build(here, value_kind)
            except RefusedError as refused:
                problems += refused.problems
        if problems:
            raise RefusedError(problems)
        return built

    def _key(self, here: Location, key: str, kind: Any) -> Any:
        if kind in (str, Any):
            return key
        name = Scalar(key, here.node.origin, text=True)
        return self.build(Location(name, here.path), kind)

    def _items(self, location: Location, kind: Any) -> Any:
        node = _split(location.node)
        if not isinstance(node, Items):
            raise wrong(location, "a list")
        item_kind = (get_args(kind) or (Any,))[0]
        built = []
        problems = []
        for index, item in enumerate(node.items):
            try:
                built.append(self.build(location.child(index, item), item_kind))
            except RefusedError as refused:
                problems += refused.problems
        if problems:
            raise RefusedError(problems)
        made = {list: list, set: set, frozenset: frozenset, abc.Set: frozenset}
        return made.get(get_origin(kind) or kind, tuple)(built)

    def _free(self, location: Location, _: Any) -> Any:
        node = location.node
        if isinstance(node, Scalar):
            value = scalars.as_is(node, location)
            return FilledText(value) if node.text and _is_config(location) else value
        if isinstance(node, Items):
            return self._items(location, list[Any])
        written = {key: child for key, child in node.entries.items() if not is_blank(child)}
        return self._mapping(evolve(location, node=evolve(node, entries=written)), dict[str, Any])

    def _union(self, location: Location, kind: Any) -> Any:
        """Choose the member that has the shape of what *location* holds."""
        members = [member for member in get_args(kind) if member is not types.NoneType]
        node = location.node
        optional = len(members) < len(get_args(kind))
        if optional and isinstance(node, Scalar):
            written_null = node.value is None and not node.text
            if written_null or scalars.is_empty_text(location):
                return None
        fitting = [member for member in members if _shape(member) is type(node)] or members[:1]
        for member in fitting[:-1]:
            try:
                return self.build(location, member)
            except RefusedError:
                continue  # the last one says what is wrong
        return self.build(location, fitting[-1])


def _split(node: Node) -> Node:
    """Return a text from outside as the list that it writes with commas, all else as it is."""
    if not isinstance(node, Scalar) or not node.text or not isinstance(node.value, str):
        return node
    words = [word.strip() for word in node.value.split(",")]
    return Items([evolve(node, value=word) for word in words if word], node.origin)


def _is_config(location: Location) -> bool:
    """Tell whether *location* is in a plugin's own settings, which are structured later."""
    return location.path[:1] == ("plugins",) and location.path[2:3] == ("config",)


def _choice(location: Location, kind: Any) -> Any:
    return scalars.as_choice(location, get_args(kind))


def _unknown_kind(location: Location, kind: Any) -> Any:
    raise refuse(location, f"its class asks for {kind!r}, which settings cannot hold")


def _is_one_of(kind: Any, kinds: tuple[Any, ...]) -> bool:
    return (get_origin(kind) or kind) in kinds


def _is_any(kind: Any) -> bool:
    return kind is Any


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _is_union(kind: Any) -> bool:
    return get_origin(kind) in (Union, types.UnionType)


def _shape(kind: Any) -> type[Node]:
    if kind is not Secret and (attrs.has(kind) or _is_one_of(kind, _MAPPINGS)):
        return Block
    return Items if _is_one_of(kind, _LISTS) else Scalar
