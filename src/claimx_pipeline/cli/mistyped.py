"""What is said about a line that was not typed as a command can be: one sentence."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

PROGRAM = "claimx-run"

_VALUE = re.compile(r"Invalid value for '?(?P<name>[^:']+)'?: (?P<what>.*)", re.DOTALL)
_OPTION = re.compile(r"No such option: (?P<name>\S+)")
_COMMAND = re.compile(r"No such command '(?P<name>[^']*)'")
_VALUELESS = re.compile(r"Option '(?P<name>[^']+)' requires an argument")
_MISSING = re.compile(r"Missing (?P<kind>option|argument|parameter) '?(?P<name>[^'.]+)")
_SURPLUS = re.compile(r"Got unexpected extra arguments? ?\(?s?\)? ?\((?P<what>.*)\)", re.DOTALL)
_NUMBER = re.compile(r"Input should be a valid (integer|number).*", re.DOTALL)


def sentence(error: Any) -> str:
    """Return what is wrong with the line, and where to look.

    Args:
        error: What Typer raised: has ``format_message()``, and ``ctx``, the command's context.
    """
    context = getattr(error, "ctx", None)
    said = str(error.format_message()).strip().rstrip(".")
    what = _said(said, context)
    return f"{what}; {_hint(said, context)}"


def _said(said: str, context: Any) -> str:
    for pattern, words in _FORMS:
        if found := pattern.match(said):
            return words(found, _path(context))
    return said[:1].lower() + said[1:]


def _value(name: str, what: str) -> str:
    """Return what is wrong with the value of an option or argument."""
    if found := _NUMBER.match(what):
        return f"{_named(name)} must be a {'whole ' if found[1] == 'integer' else ''}number"
    what = what.removeprefix("Value error, ").rstrip(".")
    what = what.replace("Input should be greater than or equal to ", "must be at least ")
    what = what.replace("Input should be less than or equal to ", "must be at most ")
    what = what.replace("Input should be ", "must be ")
    if what.startswith("must be "):
        return f"{_named(name)} {what}"
    return f"{_named(name)}: {what[:1].lower()}{what[1:]}"


def _named(name: str) -> str:
    return name if name.startswith("-") else f"argument {name.upper()}"


_FORMS: Sequence[tuple[re.Pattern[str], Callable[[re.Match[str], str], str]]] = (
    (_VALUE, lambda found, _: _value(found["name"].strip("[]"), found["what"])),
    (_OPTION, lambda found, _: f"there is no option {found['name']}"),
    (_COMMAND, lambda found, path: f"there is no command {found['name']!r} of '{path}'"),
    (_VALUELESS, lambda found, _: f"{found['name']} needs a value behind it"),
    (_MISSING, lambda found, _: f"{_named(found['name'].strip('[]{}'))} is missing"),
    (_SURPLUS, lambda found, path: f"'{path}' takes no further argument {found['what']!r}"),
)
"""How Typer says it, and how we do."""


def _hint(said: str, context: Any) -> str:
    command = getattr(context, "command", None)
    if command is not None:
        if found := _OPTION.match(said):
            options = [name for each in command.params for name in each.opts]
            if near := get_close_matches(found["name"], options, 1):
                return f"did you mean {near[0]}?"
        names = command.list_commands(context) if hasattr(command, "list_commands") else []
        if found := _COMMAND.match(said):
            if near := get_close_matches(found["name"], names, 1):
                return f"did you mean {near[0]!r}?"
            return f"there are {', '.join(names)}"
    return f"'{_path(context)} --help' shows what it takes"


def _path(context: Any) -> str:
    """Return the words of the command, whatever the program was called by."""
    words: list[str] = []
    while context is not None and context.parent is not None:
        words.insert(0, str(context.info_name))
        context = context.parent
    return " ".join([PROGRAM, *words])
