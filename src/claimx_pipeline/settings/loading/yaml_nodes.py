"""YAML to raw settings, every value with its line.

Stricter than YAML: keys are names, no key is given twice, there are no tags.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field
from yaml.nodes import MappingNode, ScalarNode
from yaml.nodes import Node as YamlNode

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.loading.expand import expand
from claimx_pipeline.settings.loading.nodes import (
    Block,
    FilledText,
    Items,
    Location,
    Node,
    Scalar,
    ValueOrigin,
    is_blank,
)
from claimx_pipeline.settings.loading.paths import format_path
from claimx_pipeline.settings.loading.unresolved import Unresolved, UnresolvedSetting
from claimx_pipeline.settings.loading.yaml_core import CONVERT, TAG, compose
from claimx_pipeline.system_errors import reason_of

MAX_NODES = 100_000
"""Far above any real file; stops a few aliases of aliases from filling the memory."""


@define
class ParsedYaml:
    """What a YAML text holds, and what is wrong with it."""

    root: Block
    problems: list[Problem] = field(factory=list)
    fatal: bool = False
    """Nothing of it could be read."""


def read_yaml(file: Path, environ: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return what *file* holds as plain values, for files beside the settings.

    Args:
        file: A YAML file whose top is a mapping.
        environ: Fills ``${VAR}`` as in the settings; a text filled so marks itself, and a
            variable without a value raises when it is used. Without it, ``${`` is refused.

    Returns:
        The values; a key with nothing beneath it is left out.

    Raises:
        SettingsError: All that is wrong with the file.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = reason_of(error)
        text, problems = "", [Problem(str(file), f"cannot be read: {reason}")]
    else:
        problems = []
    parsed = parse_yaml(text, partial(ValueOrigin.line_of, str(file)))
    problems += parsed.problems
    root: Node = parsed.root
    if environ is not None:
        root = expand(Location(root), environ, problems)
    content = _plain_value(Location(root), problems)
    if problems:
        raise SettingsError(problems)
    return dict(content)


def _plain_value(location: Location, problems: list[Problem]) -> Any:
    """Return the node at *location* as plain values."""
    match location.node:
        case Block(entries=entries):
            return {
                key: _plain_value(location.child(key, child), problems)
                for key, child in entries.items()
                if not is_blank(child)
            }
        case Items(items=items):
            return [
                _plain_value(location.child(index, child), problems)
                for index, child in enumerate(items)
            ]
        case Scalar(missing=missing) if missing:
            where = location.node.origin.where
            return Unresolved(UnresolvedSetting(location.path, where, missing))
        case Scalar(value=str() as text, text=filled):
            if "${" in text:
                problems.append(location.problem("holds '${', a variable that was not filled in"))
            return FilledText(text) if filled else text
        case Scalar(value=value):
            return value


def parse_yaml(text: str, origin_of: Callable[[int], ValueOrigin]) -> ParsedYaml:
    """Read the YAML in *text*.

    Args:
        text: One document whose top is a mapping, or nothing at all.
        origin_of: Line number, from 1, to origin.

    Returns:
        The tree; with problems the tree holds what could be read.
    """
    empty = Block({}, origin_of(1))
    composed = compose(text, origin_of)
    if composed is None:
        return ParsedYaml(empty)
    if isinstance(composed, Problem):
        return ParsedYaml(empty, [composed], fatal=True)
    reading = _Reading(origin_of)
    root = reading.convert(composed, (), 1)
    if isinstance(root, Scalar) and root.blank:
        return ParsedYaml(empty)
    if isinstance(root, Block):
        return ParsedYaml(root, reading.problems)
    what = "must be a mapping of settings, such as 'broker:' and what belongs to it"
    return ParsedYaml(empty, [*reading.problems, Problem(root.origin.where, what)], fatal=True)


@define
class _Reading:
    """One document on its way from PyYAML's nodes to ours."""

    origin_of: Callable[[int], ValueOrigin]
    problems: list[Problem] = field(factory=list)
    _count: int = 0
    _open: list[int] = field(factory=list)

    def convert(self, node: YamlNode, path: tuple[str | int, ...], line: int) -> Node:
        origin = self.origin_of(line)
        self._count += 1
        if id(node) in self._open or self._count > MAX_NODES:
            if self._count <= MAX_NODES + 1:
                self._report(line, path, "aliases that hold themselves or grow without end")
            return Scalar(None, origin, broken=True)
        self._open.append(id(node))
        try:
            if isinstance(node, ScalarNode):
                return self._scalar(node, path, line)
            if node.tag not in (TAG + "map", TAG + "seq"):
                return self._tagged(path, line)
            if isinstance(node, MappingNode):
                return self._block(node, path, origin)
            return self._items(node, path, origin)
        finally:
            self._open.pop()

    def _items(self, node: YamlNode, path: tuple[str | int, ...], origin: ValueOrigin) -> Items:
        return Items(
            [
                self.convert(item, (*path, index), item.start_mark.line + 1)
                for index, item in enumerate(node.value)
            ],
            origin,
        )

    def _block(self, node: MappingNode, path: tuple[str | int, ...], origin: ValueOrigin) -> Block:
        entries: dict[str, Node] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, ScalarNode):
                self._report(line, path, "a key must be a single name")
                continue
            # Keys are names and always text: 32513 and "32513" are one key.
            key = key_node.value
            what = _key_fault(key, key_node, entries)
            if what:
                self._report(line, path, what)
                continue
            entries[key] = self.convert(value_node, (*path, key), line)
        return Block(entries, origin)

    def _scalar(self, node: ScalarNode, path: tuple[str | int, ...], line: int) -> Scalar:
        origin = self.origin_of(line)
        convert = CONVERT.get(node.tag.removeprefix(TAG))
        if convert is None or not node.tag.startswith(TAG):
            return self._tagged(path, line)
        try:
            value = convert(node.value)
        except ValueError:
            self._report(line, path, f"is not a valid {node.tag.removeprefix(TAG)}")
            return Scalar(None, origin, broken=True)
        return Scalar(value, origin, blank=value is None and not node.value)

    def _tagged(self, path: tuple[str | int, ...], line: int) -> Scalar:
        self._report(line, path, "a tag (!) has no meaning here; quote a text that begins with !")
        return Scalar(None, self.origin_of(line), broken=True)

    def _report(self, line: int, path: tuple[str | int, ...], what: str) -> None:
        where = ": ".join(filter(None, (self.origin_of(line).where, format_path(path))))
        self.problems.append(Problem(where, what))


def _key_fault(key: str, node: ScalarNode, entries: dict[str, Node]) -> str | None:
    if "${" in key:
        return "a key cannot hold '${'; only values are filled from the environment"
    if key == "<<" and node.style is None:
        return "merge keys (<<) are not part of YAML 1.2; repeat the keys"
    if key in entries:
        return f"duplicate key {key!r}; it is in {entries[key].origin.where} already"
    return None
