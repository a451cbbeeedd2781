"""What is a person's, and how it is hidden: values by the names of their fields."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

HIDDEN = "•••"

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PERSONS = frozenset(
    {
        "address", "adjuster", "birth", "caller", "contact", "customer", "email", "emails", "fax",
        "insured", "latitude", "longitude", "mail", "mobile", "owner", "phone", "phones", "policy",
        "policyholder", "postal", "street", "username", "zip", "zipcode",
    }
)  # fmt: skip
"""A field whose name has one of these words is a person's."""
_OF_PERSON = frozenset({"display", "first", "full", "last", "middle", "nick", "given", "family"})
"""Words that make a ``name`` a person's; the name of a file or of a task is none."""
_TEXTS = frozenset({"answer", "body", "comment", "comments", "message", "note", "notes", "text"})
"""Free texts, in which persons write about themselves."""
_HARMLESS = frozenset({"id", "ids", "at", "count", "type", "status", "role"})
"""A name that ends in one of these is a number or a word of the system: ``contact_id``."""
_WHOLE = frozenset({"data", "full", "json", "original", "payload", "raw"})
"""A column that ends in one of these, or ``original_event``, keeps a record as text."""
_ADDRESS = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
_PHONE = re.compile(r"(?<![\w-])\+?[0-9][0-9 ()./-]{7,}[0-9](?![\w-])")
_QUERY = re.compile(r"(https?://[^\s\"'?#]+)\?[^\s\"'#]*")


def is_personal(name: str) -> bool:
    """Return whether a field of this name holds what is a person's."""
    words = [word.lower() for word in _WORDS.findall(name)]
    if not words or words[-1] in _HARMLESS:
        return False
    if any(word in _PERSONS for word in words) or words[-1] in _TEXTS:
        return True
    return words[-1] in ("name", "names") and (len(words) == 1 or words[-2] in _OF_PERSON)


def hide(value: Any, *, personal: bool = False) -> Any:
    """Return *value*, JSON or a cell, with what is a person's replaced by dots.

    Addresses, telephone numbers and signatures of links are found in any text, whatever its
    field is called.

    Args:
        value: What is shown.
        personal: Its field is a person's, and with it all that is inside.
    """
    if isinstance(value, Mapping):
        return {
            name: hide(inner, personal=personal or is_personal(str(name)))
            for name, inner in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [hide(inner, personal=personal) for inner in value]
    if personal and value not in (None, "", True, False):
        return HIDDEN
    if isinstance(value, str):
        inner = _json_in(value)
        return hide_text(value) if inner is None else _as_json(hide(inner))
    return value


def _json_in(text: str) -> Any:
    """Return the object or list that *text* is the JSON of; None if it is something else."""
    if not text.lstrip().startswith(("{", "[")):
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return None


def _as_json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def hide_text(text: str) -> str:
    """Return *text* without e-mail addresses, telephone numbers and signatures of links."""
    text = _QUERY.sub(rf"\1?{HIDDEN}", text)
    return _PHONE.sub(HIDDEN, _ADDRESS.sub(HIDDEN, text))


def hide_columns(columns: Iterable[str]) -> frozenset[str]:
    """Return those of *columns* that hold what is a person's, whole records among them.

    A query could cut a name out of a record that is kept as text, and no rule for texts finds it.
    """
    return frozenset(name for name in columns if is_personal(name) or _is_record(name))


def _is_record(name: str) -> bool:
    words = [word.lower() for word in _WORDS.findall(name)]
    return bool(words) and (words[-1] in _WHOLE or words == ["original", "event"])
