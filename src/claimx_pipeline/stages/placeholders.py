"""Fills ``{field}`` in paths and texts from a record's data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from claimx_pipeline.errors import RecordError
from claimx_pipeline.stages.fields import read_field

_EXACT = 2.0**53
"""Whole numbers from here on are not exact as floating point."""

PLACEHOLDER = re.compile(r"\{([^{}]+)\}")


def check_endpoint(endpoint: str, sources: Mapping[str, str]) -> None:
    """See that each placeholder of *endpoint* has a field, and each field a placeholder.

    Raises:
        ValueError: One has none; it would be sent as it is written.
    """
    wanted, given = set(PLACEHOLDER.findall(endpoint)), set(sources)
    if unknown := sorted(wanted - given):
        raise ValueError(
            f"endpoint holds {{{unknown[0]}}}, and path_params does not say which field fills it; "
            "add it there"
        )
    if unused := sorted(given - wanted):
        raise ValueError(f"path_params names {unused[0]!r}, and endpoint has no {{{unused[0]}}}")


def filled(text: str, data: Mapping[str, Any]) -> str:
    """Return *text* with each ``{dotted.path}`` replaced by that field's value.

    Raises:
        RecordError: A field is missing; permanent.
    """
    return PLACEHOLDER.sub(lambda found: needed(data, found[1]), text)


def filled_path(endpoint: str, sources: Mapping[str, str], data: Mapping[str, Any]) -> str:
    """Return *endpoint* with each ``{name}`` replaced, percent-encoded, by its field's value.

    Args:
        endpoint: Path with placeholders.
        sources: Placeholder to the dotted path of its field; one that is not in it stays.
        data: The record.

    Raises:
        RecordError: A field is missing; permanent.
    """
    values = {name: quote(needed(data, source), safe="") for name, source in sources.items()}
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), endpoint)


def needed(data: Mapping[str, Any], path: str) -> str:
    """Return the field at *path* as text.

    Raises:
        RecordError: It is missing; permanent.
    """
    value = read_field(data, path)
    if value is None:
        raise RecordError(f"field {path!r} is missing, and the request needs it")
    # ClaimX may write an id as 12.0, and an id in a path is 12.
    whole = isinstance(value, float) and value.is_integer() and abs(value) < _EXACT
    return str(int(value) if whole else value)
