"""A plugin that was found, before it is loaded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define, field


@define
class Candidate:
    """A plugin that was found and is not loaded yet."""

    name: str
    origin: str
    load: Callable[[], Any]
    """Returns a module, an object, or a ``Plugin`` class."""
    required: bool
    enabled: bool = True
    version: str = ""
    priority: int | None = None
    config: Mapping[str, Any] = field(factory=dict, repr=False)
    """The ``config`` beside the plugin; the settings override it."""

    @property
    def where(self) -> str:
        """Dotted path of its settings, after the file that they begin in."""
        path = f"plugins.{self.name}.config"
        return f"{self.origin}: {path}" if self.config else path
