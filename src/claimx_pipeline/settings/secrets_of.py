"""Every credential in the settings, to be recognised wherever it would be shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import attrs

from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.loading.leaves import leaves
from claimx_pipeline.settings.loading.nodes import Scalar, find
from claimx_pipeline.settings.masking import names_credential
from claimx_pipeline.settings.secret import Secret

_USER_INFO = re.compile(r"://[^/@\s:]*:([^/@\s]+)@")
_PARAMETER = re.compile(r"[?&;]([\w-]+)=([^&;#\s]+)")

_OPTIONS = frozenset({"options", "storage_options"})
_ABOUT_ACCESS = re.compile(r"(?i)key|token|secret|sas|passw|credential")


def secrets_of(loaded: LoadedSettings) -> frozenset[str]:
    """Return the values of all credentials in the settings, those of plugins among them.

    Also of a setting that was made from a variable with the name of one.
    """
    found = set[str]()
    for leaf in leaves(loaded.settings):
        found.update(_in(leaf.value, leaf.path))
        node = find(loaded.root, leaf.path)
        if isinstance(leaf.value, str) and isinstance(node, Scalar):
            found.update({leaf.value} if names_credential(node.variables) else ())
    return frozenset(found)


def _in(value: Any, path: tuple[Any, ...]) -> Iterator[str]:
    if isinstance(value, Secret):
        # Options of a store are all hidden, but most of them say nothing: 'true', a region.
        if not _OPTIONS.intersection(path) or _ABOUT_ACCESS.search(str(path[-1])):
            yield value.reveal()
    elif isinstance(value, str):
        yield from _in_text(value, path)
    else:
        for key, inner in _parts(value):
            yield from _in(inner, path if key is None else (*path, key))


def _in_text(text: str, path: tuple[Any, ...]) -> Iterator[str]:
    keys = [each for each in path if isinstance(each, str)]
    if names_credential(keys[-1:]):
        yield from {text, text.partition(" ")[2].strip()} - {""}
    yield from _USER_INFO.findall(text)
    yield from (found for name, found in _PARAMETER.findall(text) if names_credential([name]))


def _parts(value: Any) -> Iterator[tuple[str | None, Any]]:
    """Yield what *value* holds, with its name if it has one."""
    if isinstance(value, Mapping):
        yield from ((str(key), inner) for key, inner in value.items())
    elif isinstance(value, (list, tuple, set, frozenset)):
        yield from ((None, inner) for inner in value)
    elif attrs.has(type(value)):
        yield from ((each.name, getattr(value, each.name)) for each in attrs.fields(type(value)))
