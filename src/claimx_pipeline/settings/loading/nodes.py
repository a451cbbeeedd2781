"""Raw settings as they were read: a tree in which every value knows its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, field, frozen

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.paths import SettingPath, format_path
from claimx_pipeline.settings.loading.unresolved import Missing, Unresolved, missing_of


@frozen
class ValueOrigin:
    """Where a value comes from."""

    label: str
    """For lists of origins: ``claimx.yaml:12``, ``environment LOG_LEVEL``, ``plugin acme``."""
    where: str
    """For messages; as exact as can be."""

    @classmethod
    def line_of(cls, source: str, line: int) -> ValueOrigin:
        """Return the origin of *line* (from 1) of file *source*."""
        return cls(f"{source}:{line}", f"{source}:{line}")

    @classmethod
    def named(cls, name: str) -> ValueOrigin:
        """Return an origin without lines, such as an environment variable."""
        return cls(name, name)


@frozen
class Scalar:
    """A single value."""

    value: str | int | float | bool | None = field(repr=False)
    origin: ValueOrigin
    text: bool = False
    """The value came as text from outside YAML and takes the type of its setting."""
    variables: tuple[str, ...] = ()
    """Environment variables the value was made from."""
    missing: tuple[Missing, ...] = ()
    """Variables without which there is no value."""
    broken: bool = False
    """What was written cannot be used, and that has been reported."""
    blank: bool = False
    """Nothing at all was written: ``key:`` and no more."""


@frozen
class Block:
    """Keys and their values."""

    entries: Mapping[str, Node]
    origin: ValueOrigin


@frozen
class Items:
    """A list."""

    items: Sequence[Node]
    origin: ValueOrigin


Node = Scalar | Block | Items


@frozen
class Location:
    """A node and its path."""

    node: Node
    path: SettingPath = ()

    def child(self, key: str | int, node: Node) -> Location:
        """Return the location of *node* under *key*."""
        return Location(node, (*self.path, key))

    def problem(self, what: str) -> Problem:
        """Return a problem with this setting."""
        path = format_path(self.path)
        return Problem(": ".join(filter(None, (self.node.origin.where, path))), what)


def is_blank(node: Node) -> bool:
    """Tell whether nothing was written: a heading, or a key without a value."""
    return isinstance(node, Scalar) and node.blank


def merge(lower: Node, upper: Node) -> Node:
    """Return *upper* laid over *lower*: keys are merged, all else is replaced.

    A heading with nothing beneath it adds nothing to the keys below.
    """
    if not isinstance(lower, Block):
        return upper
    if is_blank(upper):
        return lower
    if not isinstance(upper, Block):
        return upper
    entries = dict(lower.entries)
    for key, node in upper.entries.items():
        entries[key] = merge(entries[key], node) if key in entries else node
    return Block(entries, upper.origin if upper.entries else lower.origin)


def put(root: Block, path: SettingPath, leaf: Scalar) -> Block:
    """Return *root* with *leaf* at *path*, making the blocks on the way.

    Raises:
        ValueError: Something on the way is not a block of keys, or the path names an item
            of a list.
    """
    key, rest = path[0], path[1:]
    if not isinstance(key, str):
        raise ValueError("an item of a list cannot be set; set the whole list in a file")  # noqa: TRY004 - the path's value is wrong, its type is right
    if not rest:
        return evolve(root, entries={**root.entries, key: leaf})
    below = root.entries.get(key, Block({}, leaf.origin))
    if is_blank(below):
        below = Block({}, below.origin)
    if not isinstance(below, Block):
        raise ValueError(f"{key!r} is not a block of settings in {below.origin.where}")  # noqa: TRY004 - as above
    return evolve(root, entries={**root.entries, key: put(below, rest, leaf)})


def find(root: Node, path: SettingPath) -> Node | None:
    """Return the node at *path*, None if there is none."""
    node = root
    for segment in path:
        if isinstance(node, Block) and isinstance(segment, str) and segment in node.entries:
            node = node.entries[segment]
        elif isinstance(node, Items) and isinstance(segment, int) and segment < len(node.items):
            node = node.items[segment]
        else:
            return None
    return node


class FilledText(str):
    """A text in a plugin's settings that was filled from the environment.

    Those are structured once the plugin is loaded, and only then is it known that the
    text is to become a number.
    """

    __slots__ = ()


def from_value(value: Any, origin: ValueOrigin) -> Node:
    """Return a node for a plain value, as if it had been read from YAML."""
    if isinstance(value, Unresolved):
        return Scalar(None, origin, missing=missing_of(value))
    if isinstance(value, FilledText):
        return Scalar(str(value), origin, text=True, variables=("the environment",))
    if isinstance(value, Mapping):
        return Block({str(k): from_value(v, origin) for k, v in value.items()}, origin)
    if isinstance(value, (list, tuple)):
        return Items([from_value(item, origin) for item in value], origin)
    if value is None or isinstance(value, (str, int, float, bool)):
        return Scalar(value, origin)
    raise TypeError(f"settings cannot hold a {type(value).__name__}")
