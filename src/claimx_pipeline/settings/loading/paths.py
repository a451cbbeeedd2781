"""Dotted paths such as ``claimx.api.base_url``.

A key that holds a dot itself is written in double quotes, as in TOML:
``broker.topics."acme.orders".partitions``. An item of a list is ``[0]``.
"""

from __future__ import annotations

import re

SettingPath = tuple[str | int, ...]
"""Keys and list positions from the top of the tree."""

_PLAIN_KEY = re.compile(r"[^.\"\[\]]+")
_SEGMENT = re.compile(
    r'(?:^|(?<=[\s\S])\.)(?:"(?P<quoted>[^"]*)"|(?P<plain>[^.\"\[\]]+))|\[(?P<index>\d+)\]'
)


def format_path(path: SettingPath) -> str:
    """Return *path* as it is written in messages and on the command line."""
    text = ""
    for segment in path:
        if isinstance(segment, int):
            text += f"[{segment}]"
            continue
        key = segment if _PLAIN_KEY.fullmatch(segment) else f'"{segment}"'
        text += f".{key}" if text else key
    return text


def parse_path(text: str) -> SettingPath:
    """Return the path written as *text*.

    Raises:
        ValueError: *text* is not a dotted path.
    """
    path: list[str | int] = []
    position = 0
    while position < len(text):
        match = _SEGMENT.match(text, position)
        if match is None:
            break
        if match["index"] is not None:
            path.append(int(match["index"]))
        else:
            path.append(match["quoted"] if match["plain"] is None else match["plain"])
        position = match.end()
    if not path or position < len(text):
        raise ValueError(f"{text!r} is not a dotted path such as claimx.api.base_url")
    return tuple(path)


def touches(path: SettingPath, other: SettingPath) -> bool:
    """Tell whether one of the two paths is the other, or a prefix of it."""
    shared = min(len(path), len(other))
    return path[:shared] == other[:shared]
