"""What no text of the settings may hold: what came along with it when it was copied.

A line end behind a URL, a blank in front of a path or quotes around a token would make every
request or every write fail, and be charged to the records. So such a text is refused here,
wherever it comes from, with the setting's name; nothing is repaired, as a folder may be called
``lake `` by now. What a kind of setting (a URL, a header) must look like beyond that, its field
says by a validator.
"""

from __future__ import annotations

import re
import unicodedata

from claimx_pipeline.settings.loading.nodes import Location, Scalar
from claimx_pipeline.settings.loading.paths import SettingPath

_CORE = frozenset(
    {
        "broker",
        "claimx",
        "tables",
        "storage",
        "media",
        "workers",
        "retry",
        "connections",
        "health",
        "logging",
    }
)
_QUOTES = {'"': '"', "'": "'", "`": "`", "\u201c": "\u201d", "\u2018": "\u2019", "\u201e": "\u201c"}
_URL = re.compile(r"[\s\W]{0,8}https?://", re.IGNORECASE)
_LINES = frozenset("\t\r\n")

_EDGE = "begins or ends with white space; remove it"
_QUOTED = "is in quotes that are part of it; remove them"
_BYTES = "holds bytes that are not UTF-8; write it again"


def fault_of(location: Location) -> str | None:
    """Return what is wrong with the text at *location*, None if nothing is.

    A text of a plugin's own settings or of a stage that is written in a file may have several
    lines and be quoted: only the plugin knows what it is for.
    """
    node = location.node
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    text = node.value
    if (fault := broken_characters(text)) is not None:
        return fault
    single = is_single_line(location.path) or _URL.match(text) is not None
    if not (node.text or single):
        return None
    if text != text.strip() and text.strip():
        return _EDGE
    if (fault := _hidden(text, lines=not single)) is not None:
        return fault
    return _QUOTED if _is_quoted(text) and "headers" not in location.path else None


def fault_of_secret(location: Location) -> str | None:
    """Return what is wrong with the credential at *location*, None if nothing is.

    Only an option of an object store may have several lines: a key file is one.
    """
    node = location.node
    if not isinstance(node, Scalar) or not isinstance(node.value, str):
        return None
    text = node.value
    options = not {"options", "storage_options"}.isdisjoint(location.path)
    if (fault := broken_characters(text)) is not None:
        return fault
    if text != text.strip() and text.strip():
        return _EDGE
    return _hidden(text, lines=options) or _quoted(text)


def fault_of_key(location: Location, key: str) -> str | None:
    """Return what is wrong with *key*, a name under which *location* is."""
    if (fault := broken_characters(key)) is not None:
        return fault
    a_plugin = location.path[:1] == ("plugins",) and len(location.path) == 2  # noqa: PLR2004 - its name
    if not a_plugin and not is_single_line(location.path):
        return None
    return _EDGE if key != key.strip() else _hidden(key) or _quoted(key)


def broken_characters(text: str) -> str | None:
    """Return what is wrong with *text* wherever it is used, None if nothing is."""
    if text.isprintable():
        return None
    for character in text:
        kind = unicodedata.category(character)
        if kind == "Cs":
            return _BYTES
        if kind == "Cc" and character not in _LINES:
            return _control(character)
    return None


def is_single_line(path: SettingPath) -> bool:
    """Tell whether the text at *path* is a name, a URL, a path or the like, of the core's own."""
    if path[:1] == ("plugins",):
        return path[1:] == ("dir",)
    return bool(path) and path[0] in _CORE and not _is_of_a_stage(path)


def _is_of_a_stage(path: SettingPath) -> bool:
    return path[0] == "workers" and path[2:3] in (("stages",), ("enrichment_handlers",))


def _quoted(text: str) -> str | None:
    return _QUOTED if _is_quoted(text) else None


def _is_quoted(text: str) -> bool:
    return len(text) > 1 and _QUOTES.get(text[0]) == text[-1]


def _hidden(text: str, *, lines: bool = False) -> str | None:
    """Return which character of *text* one does not see, None if there is none."""
    if text.isprintable():
        return None
    for character in text:
        if character in _LINES:
            if not lines:
                return "holds a line end or a tab; write it in one line"
        elif not character.isprintable():
            return _control(character)
    return None


def _control(character: str) -> str:
    return f"holds the invisible character U+{ord(character):04X}; remove it"
