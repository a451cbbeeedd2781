"""``actions``: does outside what plugins asked for: webhooks, and what domains offer.

Plugins only ask; a service that is unavailable does not slow the enrichment down.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from attrs import define, field

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.connections.origin import url_origin
from claimx_pipeline.domain.domain import ActionKind, Domain
from claimx_pipeline.errors import Category, RecordError, SettingsError
from claimx_pipeline.media.guard import Guard, LinkRefusedError
from claimx_pipeline.plugins.action_messages import (
    ActionMessage,
    WebhookCall,
    decode_action,
)
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.outcome import DONE, Outcome, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.topics import ACTIONS_DLQ, ACTIONS_PENDING, BRAND

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection

log = logging.getLogger(__name__)

_TARGET = re.compile(r"//[^/?#]*([^#]*)")

MOST_HOSTS = 200
"""Hosts that stay connected; URLs may come from events, and would fill the memory."""

MOST_OF_AN_ANSWER = 4 * 1024 * 1024
"""Bytes read of what a webhook answers; only its status and the beginning of a refusal matter."""

PUBLIC_HOSTS: Final = Guard(allowed_hosts=None, development_hosts=())
"""A plugin may take a URL out of an event, which anyone can write: such a URL must not lead
into the network that the worker runs in."""


@define(eq=False)
class Hosts:
    """One connection per host that is called by URL; owns and closes them."""

    _resources: Resources
    _known: frozenset[str]
    """Scheme, host and port of each URL in the settings; these may be anywhere."""
    _open: dict[str, Connection] = field(factory=dict, init=False)
    _leaving: list[Connection] = field(factory=list, init=False)

    def get(self, url: str) -> Connection:
        """Return the connection to the host of *url*, if it may be called.

        Raises:
            RecordError: It may not; permanent.
        """
        origin = url_origin(url)
        if origin is None:
            raise RecordError("a webhook is not called: it has no http or https URL with a host")
        if origin not in self._known:
            try:
                PUBLIC_HOSTS.check(url)
            except LinkRefusedError as error:
                hint = "write the URL into the plugin's settings, or make it a connection"
                raise RecordError(f"a webhook is not called: {error}; {hint}") from error
        if origin not in self._open:
            if len(self._open) >= MOST_HOSTS:
                # Closed after the batch: requests may be under way on it.
                self._leaving.append(self._open.pop(next(iter(self._open))))
            self._open[origin] = self._connection(origin)
        return self._open[origin]

    def _connection(self, origin: str) -> Connection:
        from claimx_pipeline.connections.client import Connection  # noqa: PLC0415 - slow to import
        from claimx_pipeline.media.guarded_network import GuardedResolver, GuardedSockets  # noqa: PLC0415 - as above

        settings = ConnectionSettings(
            base_url=origin,
            max_answer_bytes=MOST_OF_AN_ANSWER,
            network=self._resources.settings.network,
        )
        clock = self._resources.clock
        if origin in self._known:
            return Connection(origin, settings, clock)
        return Connection(
            origin,
            settings,
            clock,
            resolver=GuardedResolver(PUBLIC_HOSTS),
            sockets=GuardedSockets(PUBLIC_HOSTS),
        )

    async def tidy(self) -> None:
        """Close those that were replaced; nothing may be under way."""
        while self._leaving:
            await self._leaving.pop().close()

    async def close(self) -> None:
        """Close all of them."""
        self._leaving += self._open.values()
        self._open.clear()
        await self.tidy()


class ActionsProcessor:
    """Carries out each action of a batch, all at once; each connection has its own limit."""

    def __init__(self, domains: Sequence[Domain], resources: Resources) -> None:
        self._resources = resources
        self._kinds = {kind.name: kind for domain in domains for kind in domain.actions}
        connections = resources.settings.connections.values()
        # One whose ``${VAR}`` is unresolved is not text, and is left out.
        named = [each.base_url for each in connections if isinstance(each.base_url, str)]
        known = frozenset(filter(None, map(url_origin, [*resources.webhooks.urls, *named])))
        self._hosts = Hosts(resources, known)

    async def open(self) -> None:
        """Connections open when they are first used."""

    def decode(self, record: Record) -> ActionMessage:
        """Return the action in *record*."""
        return decode_action(record.value, self._kinds)

    async def process(self, batch: Sequence[Received[ActionMessage]]) -> Sequence[Outcome]:
        """Return what became of each action."""
        outcomes = await asyncio.gather(*(self._outcome(received) for received in batch))
        await self._hosts.tidy()
        return outcomes

    async def close(self) -> None:
        """Close the connections to hosts; the named ones belong to the process."""
        await self._hosts.close()

    async def _outcome(self, received: Received[ActionMessage]) -> Outcome:
        action, record = received.message, received.record
        key = headers.header(record.headers, headers.ID) or str(headers.origin_of(record))
        try:
            if action.webhook is not None:
                await self._call(action.webhook, action.plugin, key)
            else:
                await self._carry_out(self._kinds[action.kind], action.asked, key)
        except BaseException as error:  # noqa: BLE001 - the failure of this action alone
            return failure(error)
        log.debug("%s of plugin %s for event %s is done", action.kind, action.plugin, key)
        return DONE

    async def _call(self, call: WebhookCall, plugin: str, key: str) -> None:
        if call.url is not None:
            connection, path = self._hosts.get(call.url), path_of(call.url)
            # The URL is the action's own, so what it does not lead to is as well.
            subject = url_origin(call.url)
        else:
            connection, path, subject = self._named(call.connection or ""), call.path, None
        await connection.request(
            call.method,
            path,
            json=call.body,
            headers={**self._headers(plugin, call.headers_from), **call.headers},
            idempotency_key=key,
            timeout_seconds=call.timeout,
            subject=subject,
        )

    async def _carry_out(self, kind: ActionKind, asked: Any, key: str) -> None:
        try:
            await kind.run(asked, self._resources.connections, key)
        except SettingsError as error:
            raise RecordError(str(error), Category.PERMANENT) from error

    def _headers(self, plugin: str, key: str | None) -> Mapping[str, str]:
        if key is None:
            return {}
        found = self._resources.webhooks.headers.get((plugin, key))
        if found is None:
            raise RecordError(
                f"plugin {plugin!r} has no webhook headers {key!r} here; "
                "give this worker the settings of the worker that runs the plugins",
                Category.PERMANENT,
            )
        return found

    def _named(self, name: str) -> Connection:
        try:
            return self._resources.connections.get(name)
        except SettingsError as error:
            raise RecordError(str(error), Category.PERMANENT) from error


def path_of(url: str) -> str:
    """Return path and query of *url*, byte for byte: they may be signed."""
    found = _TARGET.search(url)
    path = found[1] if found else ""
    return path if path.startswith("/") else f"/{path}"


def build(domains: Sequence[Domain], resources: Resources) -> ActionsProcessor:
    """Return the processor of one member."""
    return ActionsProcessor(domains, resources)


def worker(domains: Sequence[Domain]) -> WorkerSpec:
    """Return the worker that serves the plugins of all *domains*."""
    return WorkerSpec(
        name="actions",
        summary="Calls webhooks and does what else plugins asked for.",
        group=f"{BRAND}-action-worker",
        reads=(ACTIONS_PENDING,),
        needs=("broker", "plugins"),
        family=f"{BRAND}.actions",
        dead_letters=ACTIONS_DLQ,
        outage="detour",
        build=partial(build, domains),
        batch_size=100,
        sets=frozenset(domain.name for domain in domains),
    )
