"""YAML 1.2 text to PyYAML's nodes.

PyYAML scans and composes; what a plain scalar means is decided here, by the core schema
of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) and not by YAML 1.1, where
``NO`` is false and ``12:30`` is 750. Messages never quote values: they may be secrets.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import yaml
from yaml.composer import Composer, ComposerError
from yaml.nodes import Node as YamlNode
from yaml.nodes import ScalarNode
from yaml.parser import Parser
from yaml.reader import Reader, ReaderError
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import ValueOrigin

TAG = "tag:yaml.org,2002:"
_CORE = (
    ("null", re.compile(r"null|Null|NULL|~|")),
    ("bool", re.compile(r"true|True|TRUE|false|False|FALSE")),
    ("int", re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")),
    (
        "float",
        re.compile(
            r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
            r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
        ),
    ),
)
_QUOTED = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_FLOW_REFERENCE = re.compile(r"[{\[][^\"'#]*\$\{")


def _whole(text: str) -> int:
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


CONVERT: dict[str, Callable[[str], Any]] = {
    "null": lambda _: None,
    "bool": lambda text: text.lower() == "true",
    "int": _whole,
    "float": lambda text: float(text.lower().replace(".inf", "inf").replace(".nan", "nan")),
    "str": lambda text: text,
}


class _CoreLoader(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML's machinery up to the node tree, with the core schema's resolver."""

    def __init__(self, stream: str) -> None:
        Reader.__init__(self, stream)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)

    def resolve(self, kind: type[YamlNode], value: Any, implicit: Any) -> str:
        if kind is ScalarNode and implicit[0]:
            for name, pattern in _CORE:
                if pattern.fullmatch(value):
                    return TAG + name
        # Typeshed has no types for this one method.
        return str(super().resolve(kind, value, implicit))  # type: ignore[no-untyped-call]


def compose(text: str, origin_of: Callable[[int], ValueOrigin]) -> YamlNode | Problem | None:
    """Return the one document in *text*, None if there is none, or why it is not valid YAML."""
    try:
        return _CoreLoader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        return _syntax_problem(error, text, origin_of)
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        return Problem(origin_of(line).where, "holds a character that YAML forbids")
    except RecursionError:
        return Problem(origin_of(1).where, "is nested too deeply")


def _syntax_problem(
    error: yaml.MarkedYAMLError, text: str, origin_of: Callable[[int], ValueOrigin]
) -> Problem:
    mark = error.problem_mark or error.context_mark
    where = origin_of(mark.line + 1 if mark else 1).where
    if isinstance(error, ComposerError) and error.problem and "alias" in error.problem:
        return Problem(where, "an alias (*) without its anchor; quote a text that begins with *")
    if isinstance(error, ComposerError) and error.context and "single document" in error.context:
        return Problem(where, "a second YAML document; write one document per file")
    said = ", ".join(filter(None, (error.context, error.problem)))
    column = f" at column {mark.column + 1}" if mark else ""
    line = "".join(text.splitlines()[mark.line : mark.line + 1]) if mark else ""
    hint = ""
    if mark and line[mark.column :].startswith("\t"):
        return Problem(where, "a tab before or between settings; indent with blanks")
    if _FLOW_REFERENCE.search(line):
        hint = "; between { } or [ ] put a text with ${ in quotes"
    return Problem(where, f"is not valid YAML: {_QUOTED.sub(_harmless, said)}{column}{hint}")


def _harmless(match: re.Match[str]) -> str:
    """Return a quotation of PyYAML's unless it may hold part of a value."""
    quoted = match[1] or match[2] or ""
    return match[0] if len(quoted) <= 1 or quoted.startswith("<") else "'…'"
