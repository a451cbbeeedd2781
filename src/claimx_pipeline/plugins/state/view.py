"""The states of all plugins as they were when the topic was last read, and one plugin's own."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.plugins.state.entries import Entry, StateKey, read_entry

log = logging.getLogger(__name__)


@frozen
class Located:
    """An entry, and where its newest record is."""

    entry: Entry
    partition: int
    offset: int


@define(eq=False)
class StateView:
    """Every entry that was read so far."""

    plugins: dict[str, dict[str, Located]] = field(factory=dict)
    """By name of the plugin and its own key."""

    def take(self, record: Record) -> None:
        """Take over what *record* holds, unless something newer is known."""
        try:
            (plugin, key), entry = read_entry(record)
        except DecodeError as error:
            log.warning(
                "%s[%d] offset %d is passed over: %s",
                record.topic,
                record.partition,
                record.offset,
                error,
            )
            return
        entries = self.plugins.setdefault(plugin, {})
        known = entries.get(key)
        if known is None or entry.order >= known.entry.order:
            entries[key] = Located(entry, record.partition, record.offset)

    def entry(self, key: StateKey) -> Entry | None:
        """Return the entry of *key*; None if there is none."""
        located = self.plugins.get(key[0], {}).get(key[1])
        return located.entry if located else None

    def count(self, plugin: str) -> int:
        """Return how many keys *plugin* has, forgotten ones included."""
        return len(self.plugins.get(plugin, ()))

    def drop(self, key: StateKey) -> None:
        """Forget *key*, as if it had never been read."""
        self.plugins.get(key[0], {}).pop(key[1], None)


class PluginState(Mapping[str, Any]):
    """What a plugin remembers, to be read: ``plugin.state["Bonn"]``.

    It is as new as the last look at the topic, a second or so ago, and does not know of changes
    that are still on their way. Values are copies. To change one, answer
    ``PluginResult.change_state(key, change)``.
    """

    def __init__(self, view: StateView | None = None, plugin: str = "") -> None:
        """Show what *view* has of *plugin*; nothing without a view."""
        self._view, self._plugin = view, plugin

    def _entries(self) -> Mapping[str, Located]:
        return self._view.plugins.get(self._plugin, {}) if self._view is not None else {}

    def __getitem__(self, key: str) -> Any:
        """Return the value of *key*.

        Raises:
            KeyError: There is none.
        """
        value = self._entries()[key].entry.value
        if value is None:
            raise KeyError(key)
        return msgspec.json.decode(value)

    def __iter__(self) -> Iterator[str]:
        """Return the keys that have a value."""
        found = list(self._entries().items())
        return iter([key for key, each in found if each.entry.value is not None])

    def __len__(self) -> int:
        """Return how many keys have a value."""
        return sum(1 for _ in self)
