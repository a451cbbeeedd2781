"""What a plugin answers."""

from __future__ import annotations

from typing import Any, Literal

from attrs import field, frozen

LogLevel = Literal["debug", "info", "warning", "error"]


@frozen
class Publish:
    """Publish a message; acknowledged before the event's offset is committed."""

    topic: str
    """Logical name of the topic."""
    payload: Any
    """Anything JSON can hold; times become ISO text."""
    key: str | None = None
    """Key of the record; the event id if not given."""
    headers: dict[str, str] = field(factory=dict)


@frozen
class Log:
    """Write a log line."""

    level: LogLevel
    message: str


Action = Publish | Log


@frozen(kw_only=True)
class PluginResult:
    """What a plugin made of an event."""

    actions: tuple[Action, ...] = ()
    message: str = ""
    filtered: bool = False
    """Stop here: no later plugin runs, rows that only this event needs are dropped."""

    @classmethod
    def ok(cls, message: str = "", *actions: Action) -> PluginResult:
        """The plugin did its work; *actions*, if any, are carried out in order."""
        return cls(actions=actions, message=message)

    @classmethod
    def skip(cls, reason: str) -> PluginResult:
        """The event does not concern the plugin."""
        return cls(message=reason)

    @classmethod
    def filter_out(cls, reason: str) -> PluginResult:
        """Drop the event's own rows and stop later plugins.

        Rows that other events bring as well (the project, its contacts) are kept, and so
        are the actions that earlier plugins returned. The event log says ``filtered``.
        """
        return cls(message=reason, filtered=True)

    @classmethod
    def publish(
        cls,
        topic: str,
        payload: Any,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> PluginResult:
        """Publish one message."""
        return cls(actions=(Publish(topic, payload, key, headers or {}),))

    @classmethod
    def log(cls, level: LogLevel, message: str) -> PluginResult:
        """Write one log line."""
        return cls(actions=(Log(level, message),))

    def and_then(self, other: PluginResult) -> PluginResult:
        """Return both results as one: the actions of this one first."""
        return PluginResult(
            actions=self.actions + other.actions,
            message=other.message or self.message,
            filtered=self.filtered or other.filtered,
        )
