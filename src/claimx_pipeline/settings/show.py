"""The settings as they are printed: every one of them, no credential, each with its origin."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.loading.leaves import Leaf, leaves
from claimx_pipeline.settings.loading.nodes import Scalar, find
from claimx_pipeline.settings.loading.paths import SettingPath, format_path
from claimx_pipeline.settings.loading.unresolved import Unresolved
from claimx_pipeline.settings.masking import MASK, masked, names_credential
from claimx_pipeline.settings.secret import Secret


@frozen
class ShownSetting:
    """One line of ``claimx-run config show``."""

    path: str
    value: Any
    """Of a type that JSON knows."""
    origin: str


def shown_settings(loaded: LoadedSettings) -> list[ShownSetting]:
    """Return every setting, fit to be printed."""
    found = []
    for leaf in leaves(loaded.settings):
        path = format_path(leaf.path)
        found.append(ShownSetting(path, _shown(leaf, loaded), loaded.origins[path]))
    return found


def _shown(leaf: Leaf, loaded: LoadedSettings) -> Any:
    value = leaf.value
    if isinstance(value, Unresolved):
        return repr(value)
    if isinstance(value, Secret):
        return MASK
    hidden = _is_credential(leaf.path, loaded)
    if isinstance(value, str):
        return MASK if hidden and value else masked(str(value))
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_shown(Leaf((*leaf.path, index), item), loaded) for index, item in enumerate(value)]
    if hidden and value is not None and not isinstance(value, (bool, dict)):
        return MASK
    return value


def _is_credential(path: SettingPath, loaded: LoadedSettings) -> bool:
    """Tell whether the name of the setting, or of a variable it was made from, says so."""
    node = find(loaded.root, path)
    if isinstance(node, Scalar) and names_credential(node.variables):
        return True
    keys = [segment for segment in path if isinstance(segment, str)]
    in_config = keys[:1] == ["plugins"] and keys[2:3] == ["config"]
    return names_credential(keys[3:] if in_config else keys[-1:])
