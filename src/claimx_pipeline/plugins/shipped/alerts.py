"""``alerts``: calls a webhook on dead letters, and on a worker that is not ready for long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from attrs import define, field, frozen
from attrs.validators import ge, in_

from claimx_pipeline.errors import Problem
from claimx_pipeline.hooks.markers import hookimpl
from claimx_pipeline.hooks.moments import DeadLetterContext, RowsCommitted, WorkerReadiness
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.plugins.base import Plugin
from claimx_pipeline.plugins.shipped.bodies import Format, body
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.validators import not_blank

MOST_CAUSES = 1000
"""Causes that are kept apart; the oldest is forgotten for a further one."""


@frozen(kw_only=True)
class AlertsConfig:
    """``plugins.alerts.config``."""

    connection: str = field(validator=not_blank)
    """Connection of the settings whose ``base_url`` is the webhook's URL."""

    format: Format = field(default="json", validator=in_(("slack", "teams", "json")))
    """What the receiver understands."""

    title: str = ""
    """What the alerts begin with, such as the name of the installation."""

    dead_letters: bool = True
    """Whether dead letters are alerted of."""

    not_ready_minutes: float = field(default=5.0, validator=ge(0))
    """For how long a worker is not ready before there is an alert; 0 for never."""

    tables: tuple[str, ...] = ()
    """Tables of which new rows are alerted of."""

    quiet_minutes: float = field(default=10.0, validator=ge(0))
    """How long there is no second alert of the same: a worker's dead letters of one category and
    plugin, or one table's rows. The next one says how many there were meanwhile."""


@define
class _Quiet:
    """When something was last alerted of, and what has happened since."""

    at: datetime
    since: int = 0


class Alerts(Plugin):
    """Calls a webhook on dead letters and on workers that are not ready."""

    name = "alerts"
    description = "Calls a webhook on dead letters, and on a worker that is not ready for long."
    config_class: ClassVar[type[Any] | None] = AlertsConfig
    config: AlertsConfig

    def __init__(self, config: AlertsConfig) -> None:
        super().__init__(config)
        self._title = config.title
        self._quiet: dict[tuple[str, ...], _Quiet] = {}
        self._alerted: set[str] = set()
        """Workers that there was an alert of, and that are not ready again yet."""
        self._now: Any = None

    async def on_load(self, resources: Resources) -> None:
        """Tell the time as the workers do."""
        self._now = resources.clock.now

    @hookimpl
    def claimx_settings_loaded(self, settings: Settings) -> None:
        """Name the installation, if the settings of the plugin do not."""
        self._title = self.config.title or settings.broker.prefix.strip(".-_") or "claimx"

    @hookimpl
    def claimx_check_settings(self, settings: Settings) -> Iterable[Problem]:
        """Return what is wrong: a connection that is not there."""
        if self.config.connection not in settings.connections:
            known = ", ".join(sorted(settings.connections)) or "none"
            yield Problem(
                "plugins.alerts.config.connection",
                f"there is no connection {self.config.connection!r} (there are: {known}); write "
                "one whose base_url is the URL of the webhook",
            )

    @hookimpl
    async def claimx_dead_letter(self, context: DeadLetterContext) -> PluginResult | None:
        """Have the webhook called by worker ``actions``, which tries again as long as it takes."""
        if not self.config.dead_letters or self._is_its_own(context):
            return None
        others = self._others(("dead letter", context.worker, context.category, context.plugin))
        if others is None:
            return None
        about = (
            f"plugin {context.plugin}, worker {context.worker}"
            if context.plugin
            else (f"worker {context.worker}")
        )
        text = (
            f"dead letter of {about}: {context.error} ({context.category}, after "
            f"{context.attempts} tries; {context.origin}, in {context.topic}){others}"
        )
        facts = {
            "worker": context.worker,
            "plugin": context.plugin,
            "topic": context.topic,
            "origin": context.origin,
            "category": context.category,
            "error_type": context.error_type,
            "error": context.error,
            "attempts": context.attempts,
        }
        return self._webhook("dead_letter", text, facts)

    @hookimpl
    async def claimx_rows_committed(self, context: RowsCommitted) -> PluginResult | None:
        """Have the webhook called about new rows of the tables that the settings name."""
        result = PluginResult.ok()
        for table in self.config.tables:
            if table not in context.tables:
                continue
            others = self._others(("rows", table))
            if others is not None:
                rows = context.tables[table]
                facts = {"table": table, "rows": rows, "worker": context.worker}
                said = self._webhook("rows", f"{rows} rows are in table {table}{others}", facts)
                result = result.and_then(said)
        return result

    @hookimpl
    async def claimx_worker_readiness(self, context: WorkerReadiness) -> None:
        """Call the webhook here and now: the broker may be what the worker waits for.

        What fails is tried again when the host calls again, within half a minute.
        """
        minutes, worker = self.config.not_ready_minutes, context.worker
        if context.ready:
            if worker in self._alerted:
                await self._call(context, "ready", f"worker {worker} is ready again")
                self._alerted.discard(worker)
        elif minutes and context.seconds >= minutes * 60 and worker not in self._alerted:
            why = f": {context.reason}" if context.reason else ""
            passed = timedelta(seconds=round(context.seconds))
            text = f"worker {worker} is not ready for {passed} ({context.state}){why}"
            await self._call(context, "not_ready", text)
            self._alerted.add(worker)

    def _is_its_own(self, context: DeadLetterContext) -> bool:
        """Return whether the dead letter is an alert: one about it would go the same way."""
        return context.worker == "actions" and b'"plugin":"alerts"' in (context.record_value or b"")

    def _others(self, what: tuple[str, ...]) -> str | None:
        """Return what to say of those that there was no alert of; None if it is too early."""
        now = self._now()
        known = self._quiet.get(what)
        if known is not None and now < known.at + timedelta(minutes=self.config.quiet_minutes):
            known.since += 1
            return None
        if known is None and len(self._quiet) >= MOST_CAUSES:
            del self._quiet[next(iter(self._quiet))]
        self._quiet[what] = _Quiet(now)
        return f"; {known.since} more since the last alert" if known and known.since else ""

    def _body(self, kind: str, text: str, facts: Mapping[str, Any]) -> dict[str, Any]:
        known = {"title": self._title, **facts}
        return body(self.config.format, kind, f"[{self._title}] {text}", known)

    def _webhook(self, kind: str, text: str, facts: Mapping[str, Any]) -> PluginResult:
        said = self._body(kind, text, facts)
        return PluginResult.webhook(connection=self.config.connection, path="", body=said)

    async def _call(self, context: WorkerReadiness, kind: str, text: str) -> None:
        facts = {"worker": context.worker, "state": context.state, "reason": context.reason}
        connection = context.connection(self.config.connection)
        await connection.request("POST", "", json=self._body(kind, text, facts), repeatable=True)
