"""``${VAR}``, ``${VAR:-default}`` and ``$$`` in every text of the settings.

Texts are filled after YAML was parsed, so a value can never change the structure. An
unset or empty variable without a default leaves a gap that is reported when the setting
is used. A value that was filled in is not looked at again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import define, evolve, field, frozen

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import Block, Items, Location, Node, Scalar
from claimx_pipeline.settings.loading.unresolved import Missing

_TOKEN = re.compile(r"\$\$|\$\{|\}")
_NAME = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<then>\}|:-)")
_ADVICE = "write ${NAME}, ${NAME:-default}, or $$ for a dollar"


@frozen
class _Reference:
    name: str
    default: tuple[str | _Reference, ...] | None


@define
class Expansion:
    """What became of one text."""

    value: str = field(default="", repr=False)
    variables: list[str] = field(factory=list)
    missing: list[Missing] = field(factory=list)


def expand_text(text: str, environ: Mapping[str, str]) -> Expansion:
    """Fill the variables in *text*.

    Raises:
        ValueError: A ``${`` that is not a reference; the message quotes nothing.
    """
    parts, _ = _parse(text, 0, inside=False)
    result = Expansion()
    result.value = _evaluate(parts, environ, result)
    return result


def expand(location: Location, environ: Mapping[str, str], problems: list[Problem]) -> Node:
    """Return the node at *location* with all texts beneath it filled.

    What cannot be understood is added to *problems*.
    """
    node = location.node
    match node:
        case Block():
            filled = {
                key: expand(location.child(key, child), environ, problems)
                for key, child in node.entries.items()
            }
            return evolve(node, entries=filled)
        case Items():
            return evolve(
                node,
                items=[
                    expand(location.child(index, child), environ, problems)
                    for index, child in enumerate(node.items)
                ],
            )
        case Scalar(value=str() as text) if "$" in text and not node.text:
            return _expand_scalar(location, node, text, environ, problems)
    return node


def _expand_scalar(
    location: Location, node: Scalar, text: str, environ: Mapping[str, str], problems: list[Problem]
) -> Scalar:
    try:
        result = expand_text(text, environ)
    except ValueError as error:
        problems.append(location.problem(str(error)))
        return evolve(node, value=None, broken=True)
    if result.missing:
        return evolve(node, value=None, missing=tuple(result.missing))
    variables = tuple(dict.fromkeys(result.variables))
    return evolve(node, value=result.value, text=bool(variables), variables=variables)


def _parse(text: str, position: int, *, inside: bool) -> tuple[tuple[str | _Reference, ...], int]:
    """Return the parts from *position* to the end, or to the ``}`` that ends a default."""
    parts: list[str | _Reference] = []
    for_token = _TOKEN.search(text, position)
    while for_token is not None:
        parts.append(text[position : for_token.start()])
        position = for_token.end()
        if for_token.group() == "$$":
            parts.append("$")
        elif for_token.group() == "}":
            if inside:
                return tuple(parts), position
            parts.append("}")
        else:
            reference, position = _parse_reference(text, position)
            parts.append(reference)
        for_token = _TOKEN.search(text, position)
    if inside:
        raise ValueError(f"a '${{' is not closed by '}}'; {_ADVICE}")
    parts.append(text[position:])
    return tuple(parts), len(text)


def _parse_reference(text: str, position: int) -> tuple[_Reference, int]:
    match = _NAME.match(text, position)
    if match is None:
        raise ValueError(f"a '${{' that is not understood; {_ADVICE}")
    if match["then"] == "}":
        return _Reference(match["name"], None), match.end()
    default, end = _parse(text, match.end(), inside=True)
    return _Reference(match["name"], default), end


def _evaluate(
    parts: tuple[str | _Reference, ...], environ: Mapping[str, str], result: Expansion
) -> str:
    text = ""
    for part in parts:
        if isinstance(part, str):
            text += part
            continue
        result.variables.append(part.name)
        value = environ.get(part.name, "")
        if value:
            text += value
        elif part.default is not None:
            text += _evaluate(part.default, environ, result)
        else:
            reason = "is set but empty" if part.name in environ else "is not set"
            result.missing.append(Missing(part.name, reason))
    return text
