"""Every single setting of a tree of settings, with its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import attrs
from attrs import field, frozen

from claimx_pipeline.settings.loading.paths import SettingPath
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.validators import INLINE


@frozen
class Leaf:
    """One setting."""

    path: SettingPath
    value: Any = field(repr=False)


def leaves(value: Any, path: SettingPath = ()) -> Iterator[Leaf]:
    """Yield the settings in *value*, in the order of its class.

    An empty mapping or list is a leaf of its own, and so is a list of single values.
    """
    if attrs.has(type(value)) and not isinstance(value, Secret):
        for attribute in attrs.fields(type(value)):
            below = getattr(value, attribute.name)
            if INLINE not in attribute.metadata:
                yield from leaves(below, (*path, attribute.alias))
            elif isinstance(below, Mapping) and below:
                yield from leaves(below, path)
    elif isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from leaves(below, (*path, str(key)))
    elif isinstance(value, (list, tuple)) and any(map(_is_deep, value)):
        for index, below in enumerate(value):
            yield from leaves(below, (*path, index))
    else:
        yield Leaf(path, value)


def _is_deep(value: Any) -> bool:
    return isinstance(value, (Mapping, list, tuple)) or attrs.has(type(value))
