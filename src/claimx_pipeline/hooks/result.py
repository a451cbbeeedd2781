"""What a plugin answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, Literal, Self, overload

from attrs import evolve, field, frozen

from claimx_pipeline.hooks.claimx_task import ClaimxActions
from claimx_pipeline.hooks.domain_action import DomainAction

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
    """Headers of the record."""


@frozen(init=False)
class Log:
    """Write a log line: ``Log("text")``, or ``Log("warning", "text")``."""

    level: LogLevel
    """``debug``, ``info``, ``warning`` or ``error``; ``info`` if only the line is given."""
    message: str
    """The line, taken as it is."""

    @overload
    def __init__(self, message: str, /, *, level: LogLevel = "info") -> None: ...
    @overload
    def __init__(self, level: LogLevel, message: str) -> None: ...
    @overload
    def __init__(self, *, message: str, level: LogLevel = "info") -> None: ...
    def __init__(self, *given: str, **named: str) -> None:
        """Take the level and the line; of a single text, the line.

        Raises:
            TypeError: Something else is given.
        """
        # The level came first before it could be left out.
        alone = len(given) == 1 and "message" not in named
        names = ("message",) if alone else ("level", "message")
        found: dict[str, Any] = {"level": "info", **dict(zip(names, given, strict=False)), **named}
        if len(given) > len(names) or found.keys() != {"level", "message"}:
            raise TypeError("a Log has a line, and before it a level: Log('warning', 'text')")
        self.__attrs_init__(**found)


@frozen
class AddHeader:
    """Put a header on all that this plugin and those after it publish for the event."""

    name: str
    """Its name; none that begins with ``claimx-``."""
    value: str
    """Its text."""


@frozen
class Metric:
    """Count something; ``/metrics`` shows it as ``claimx_plugin_metric_<name>_total``."""

    name: str
    """Lower case letters, digits and ``_``."""
    value: float = 1.0
    """How much is added; not below 0."""
    labels: dict[str, str] = field(factory=dict)
    """Few values each: never an id."""


@frozen(kw_only=True)
class Webhook:
    """Call a URL, or a path of a connection; worker ``actions`` does it."""

    url: str | None = None
    """``https://…``; or ``connection`` and ``path``."""
    connection: str | None = None
    """Name of a connection of the settings, which knows address and credential."""
    path: str = "/"
    """Path below the connection's base URL."""
    method: str = "POST"
    """``POST``, ``PUT``, ``PATCH``, ``DELETE`` or ``GET``."""
    body: Any = None
    """Anything JSON can hold. None sends no body."""
    headers: dict[str, str] = field(factory=dict, repr=False)
    """They are part of the published record: put a credential into a connection."""
    headers_from: str | None = None
    """Key in the plugin's ``webhook_headers()`` of further ones, looked up when it is called."""
    timeout: float | None = None
    """Seconds; the connection's own if not given."""

    def problem(self) -> str | None:
        """Return why it cannot be carried out, None if it can."""
        if (self.url is None) == (self.connection is None):
            return "a webhook has either a url or a connection"
        if self.url is not None and not self.url.lower().startswith(("http://", "https://")):
            return "the url of a webhook must start with http:// or https://"
        if self.method not in {"GET", "POST", "PUT", "PATCH", "DELETE"}:
            valid = "POST, PUT, PATCH, DELETE or GET"
            return f"{self.method!r} is not a valid method of a webhook; use {valid}"
        if self.timeout is not None and not self.timeout > 0:
            return "the timeout of a webhook must be above 0"
        return None


@frozen
class ChangeState:
    """Change what the plugin remembers under a key: its ``change_state`` is called once for it."""

    key: str
    """Under which the value is remembered."""
    change: Any
    """Anything JSON can hold."""


@frozen
class Later:
    """Do something that is published, later; see ``PluginResult.later``."""

    action: Publish | Webhook | ChangeState | DomainAction
    """What is done then."""
    after: timedelta
    """How long to wait; rounded up to the delays of the retry topics."""


Action = Publish | Log | AddHeader | Metric | Webhook | ChangeState | Later | DomainAction


@frozen(kw_only=True)
class PluginResult(ClaimxActions):
    """What a plugin made of an event."""

    actions: tuple[Action, ...] = ()
    """What is to be done, in order."""
    message: str = ""
    """Why, for the log."""
    filtered: bool = False
    """Stop here: no later plugin runs, rows that only this event needs are dropped."""
    retried: bool = False
    """Nothing is done now; the event comes back for this plugin alone."""
    retry_after: timedelta | None = None
    """How long to wait at least, if ``retried``."""

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
        """Drop the event's own rows and download tasks, and stop later plugins.

        Rows that other events bring as well (the project, its contacts) are kept, and so
        are the actions that were returned already. The event log says ``filtered``.
        """
        return cls(message=reason, filtered=True)

    @classmethod
    def retry(cls, reason: str, after: timedelta | None = None) -> PluginResult:
        """Have the event come back for this plugin alone, and do nothing now.

        It waits in the retry topics of the family ``claimx.plugins``; after the last of them it
        is a dead letter of the plugin. Raising ``TransientError`` does the same. The rest of the
        pipeline, and the other plugins, are done with the event meanwhile.

        Args:
            reason: What is to pass, in one sentence: for the log, and the dead letter.
            after: How long to wait at least; the next delay of the ladder that covers it.
        """
        return cls(message=reason, retried=True, retry_after=after)

    @classmethod
    def publish(
        cls,
        topic: str,
        payload: Any,
        *,
        key: str | None = None,
        headers: dict[str, str] | None = None,
        after: timedelta | None = None,
    ) -> PluginResult:
        """Publish one message to a topic that the plugin names in ``topics()``.

        *after* defers it, as ``later`` does.
        """
        return cls(actions=(Publish(topic, payload, key, headers or {}),)).later(after)

    @classmethod
    def log(cls, level: LogLevel, message: str) -> PluginResult:
        """Write one log line."""
        return cls(actions=(Log(level, message),))

    @classmethod
    def add_header(cls, name: str, value: str) -> PluginResult:
        """Put a header on all that is published for the event from here on."""
        return cls(actions=(AddHeader(name, value),))

    @classmethod
    def metric(
        cls, name: str, value: float = 1.0, labels: dict[str, str] | None = None
    ) -> PluginResult:
        """Add *value* to the counter ``claimx_plugin_metric_<name>_total``."""
        return cls(actions=(Metric(name, value, labels or {}),))

    @classmethod
    def webhook(  # noqa: PLR0913 - the parts of an HTTP request
        cls,
        url: str | None = None,
        *,
        connection: str | None = None,
        path: str = "/",
        method: str = "POST",
        body: Any = None,
        headers: dict[str, str] | None = None,
        headers_from: str | None = None,
        timeout: float | None = None,
        after: timedelta | None = None,
    ) -> PluginResult:
        """Call *url*, or *path* of *connection*; worker ``actions`` does it and tries again.

        *after* defers it, as ``later`` does.
        """
        call = Webhook(
            url=url,
            connection=connection,
            path=path,
            method=method,
            body=body,
            headers=headers or {},
            headers_from=headers_from,
            timeout=timeout,
        )
        return cls(actions=(call,)).later(after)

    @classmethod
    def change_state(cls, key: str, change: Any) -> PluginResult:
        """Have *change* become part of what the plugin remembers under *key*.

        It is applied once, however often the event comes again, by the plugin's own
        ``change_state(key, value, change)`` in worker ``plugin-state``.
        """
        return cls(actions=(ChangeState(key, change),))

    @classmethod
    def of(cls, *actions: DomainAction, after: timedelta | None = None) -> Self:
        """Have domains' own services do something; worker ``actions`` does it and tries again.

        *after* defers it, as ``later`` does.
        """
        return cls(actions=actions).later(after)

    def later(self, after: timedelta | None) -> Self:
        """Return the same, with everything that it publishes or asks for deferred.

        It waits in the retry topics of the family ``claimx.plugins`` and nowhere in memory: at
        least *after*, rounded up to the next of their delays, and longer than the longest of them
        in several waits one after the other. Log lines, metrics and headers are not deferred.

        Args:
            after: How long; None or nothing defers nothing.
        """
        if not after:
            return self
        deferred = (
            Later(each, after)
            if isinstance(each, (Publish, Webhook, ChangeState, DomainAction))
            else each
            for each in self.actions
        )
        return evolve(self, actions=tuple(deferred))

    def and_then(self, other: PluginResult) -> PluginResult:
        """Return both results as one: the actions of this one first."""
        return evolve(
            self,
            actions=self.actions + other.actions,
            message=other.message or self.message,
            filtered=self.filtered or other.filtered,
            retried=self.retried or other.retried,
            retry_after=other.retry_after or self.retry_after,
        )
