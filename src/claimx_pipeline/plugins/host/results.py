"""What a plugin answered becomes records to publish, and effects in this process."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Collection
from datetime import timedelta
from functools import partial
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.hooks.context import HookContext
from claimx_pipeline.hooks.domain_action import DomainAction
from claimx_pipeline.hooks.result import (
    AddHeader,
    ChangeState,
    Later,
    Log,
    Metric,
    PluginResult,
    Publish,
    Webhook,
)
from claimx_pipeline.plugins.action_messages import action_value, to_json
from claimx_pipeline.plugins.state.changes import StateChange, check_key
from claimx_pipeline.plugins.state.entries import key_bytes
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.topics import ACTIONS_PENDING, PLUGIN_CHANGES

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

LONGEST_DEFERRAL = timedelta(days=366)

_OVERHEAD_BYTES = 1024
"""What a record needs beside its value, and to spare."""


@frozen(kw_only=True)
class PublishRules:
    """What plugins may publish."""

    core_topics: Collection[str] = ()
    """Topics that belong to the pipeline."""
    known_topics: Collection[str] | None = None
    """All topics there are; None if that is not known."""
    most_bytes: int = 1_000_000
    """What the broker takes as one record."""
    ladder: RetryLadder | None = None
    """In whose topics deferred actions wait; None if nothing can be deferred."""
    stateful: Collection[str] | None = None
    """Plugins that keep state; None if that is not known."""

    def check(self, topic: str) -> None:
        """Refuse a topic that a plugin must not publish to.

        Raises:
            ValueError: It belongs to the pipeline, or there is none of that name.
        """
        if topic in self.core_topics:
            raise ValueError(
                f"topic {topic!r} belongs to the pipeline; publish to a topic of your own"
            )
        if self.known_topics is not None and topic not in self.known_topics:
            raise ValueError(
                f"there is no topic {topic!r}; a plugin names what it publishes to in 'topics()'"
            )

    def check_state(self, plugin: str) -> None:
        """Refuse a change of what a plugin cannot remember.

        Raises:
            ValueError: The plugin says nowhere how a change becomes part of a value.
        """
        if self.stateful is not None and plugin not in self.stateful:
            raise ValueError(
                "it changes its state and has no method 'change_state(key, value, change)', which "
                "says how; write one"
            )


@define
class Prepared:
    """All that one answer asks for, ready to be carried out."""

    records: list[OutRecord] = field(factory=list)
    effects: list[Callable[[], Any]] = field(factory=list)
    """Carried out in this process, in order; none of them fails."""


@frozen
class AnswerReader:
    """Turns answers into what is to be done: all of an answer, or nothing."""

    rules: PublishRules
    metrics: PluginMetrics
    clock: Clock = field(factory=SystemClock)

    def prepare(
        self, plugin: str, hook: str, context: HookContext, result: PluginResult
    ) -> Prepared:
        """Return what *result* asks for; nothing has been done yet.

        Args:
            plugin: Who answered.
            hook: To what.
            context: About what; its headers get those that the answer adds.
            result: The answer.

        Raises:
            ValueError: Something in it cannot be carried out.
            TypeError: Something in it is not an action.
        """
        prepared = Prepared()
        for number, action in enumerate(result.actions):
            counted = partial(self.metrics.acted, plugin, _name_of(action))
            match action:
                case Log(level, message):
                    prepared.effects.append(_logging(plugin, level, message))
                case AddHeader(name, value):
                    _check_header(name, value)
                    context.headers[name] = value
                case Metric(name, value, labels):
                    if problem := self.metrics.problem(name, value, labels):
                        raise ValueError(problem)
                    count = partial(self.metrics.count, plugin, name, value, dict(labels))
                    prepared.effects.append(count)
                case _:
                    record = self._record_of(plugin, hook, context, result, number)
                    prepared.records.append(record)
            prepared.effects.append(counted)
        return prepared

    def _record_of(
        self, plugin: str, hook: str, context: HookContext, result: PluginResult, number: int
    ) -> OutRecord:
        """Return the record that action *number* of *result* becomes."""
        given = result.actions[number]
        action = given.action if isinstance(given, Later) else given
        cause = f"{hook}|{context.cause}|{plugin}"
        match action:
            case Publish():
                self.rules.check(action.topic)
                key = action.key or context.event_id
                cause = f"{cause}|{action.topic}|{number}"
                record = self._published(context, action, key, cause)
            case ChangeState():
                # Whatever else is answered: the same change of the same event is the same one.
                cause = f"{cause}|{action.key}|{_nth(result, number, action.key)}"
                record = self._change(plugin, context, action, cause)
            case Webhook() | DomainAction():
                cause = f"{cause}|{ACTIONS_PENDING.name}|{number}"
                record = self._asked_for(plugin, context, action, cause)
            case _:
                raise TypeError(f"{type(action).__name__} is not an action of a PluginResult")
        return self._deferred(record, given.after) if isinstance(given, Later) else record

    def _deferred(self, record: OutRecord, after: timedelta) -> OutRecord:
        if self.rules.ladder is None:
            raise ValueError("nothing can be deferred here: there are no retry topics of plugins")
        if after > LONGEST_DEFERRAL:
            most = LONGEST_DEFERRAL.days
            raise ValueError(f"an action can be deferred by {most} days at most, not by {after}")
        now = self.clock.now()
        return self.rules.ladder.deferred(record, now + after, now)

    def _published(self, context: HookContext, action: Publish, key: str, cause: str) -> OutRecord:
        for name, value in (*action.headers.items(), *context.headers.items()):
            _check_header(name, value)
        given = {**context.headers, **action.headers}
        return self._record(context, action.topic, to_json(action.payload), key, given, cause)

    def _change(
        self, plugin: str, context: HookContext, action: ChangeState, cause: str
    ) -> OutRecord:
        self.rules.check_state(plugin)
        check_key(action.key)
        value = to_json(StateChange(plugin, action.key, action.change))
        key = key_bytes(plugin, action.key).decode()
        return self._record(context, PLUGIN_CHANGES.name, value, key, {}, cause)

    def _asked_for(
        self, plugin: str, context: HookContext, action: Webhook | DomainAction, cause: str
    ) -> OutRecord:
        if isinstance(action, Webhook) and (problem := action.problem()):
            raise ValueError(problem)
        value = action_value(action, plugin, context)
        return self._record(context, ACTIONS_PENDING.name, value, context.event_id, {}, cause)

    def _record(  # noqa: PLR0913 - the parts of a record
        self,
        context: HookContext,
        topic: str,
        value: bytes,
        key: str,
        given: dict[str, str],
        cause: str,
    ) -> OutRecord:
        hops = context.hops + 1
        if hops > headers.MOST_HOPS:
            raise ValueError(
                f"{headers.MOST_HOPS} messages of plugins led here, so they go round in a circle; "
                f"nothing more is published to {topic!r}"
            )
        size = len(value) + len(key) + sum(len(n) + len(v) for n, v in given.items())
        if size + _OVERHEAD_BYTES > self.rules.most_bytes:
            raise ValueError(
                f"a message for topic {topic!r} has {size} bytes and the limit is "
                f"{self.rules.most_bytes}; publish less, or raise broker.max_record_bytes"
            )
        own = {
            headers.ID: hashlib.sha256(cause.encode()).hexdigest()[:32],
            headers.HOPS: str(hops),
        }
        return OutRecord(topic, value, key.encode(), headers.encoded({**given, **own}))


def _nth(result: PluginResult, number: int, key: str) -> int:
    """Return how many changes of *key* are before action *number*."""
    before = [each.action if isinstance(each, Later) else each for each in result.actions[:number]]
    return sum(isinstance(each, ChangeState) and each.key == key for each in before)


def _logging(plugin: str, level: str, message: str) -> Callable[[], None]:
    if level not in _LEVELS:
        raise ValueError(f"{level!r} is not a valid log level; use {', '.join(_LEVELS)}")
    logger = logging.getLogger(f"claimx_pipeline.plugin.{plugin}")
    return partial(logger.log, _LEVELS[level], "%s", message)


def _check_header(name: str, value: str) -> None:
    if not isinstance(name, str) or not isinstance(value, str) or not name:
        raise TypeError(f"header {name!r} must be a text with a text as its value")
    if name.lower().startswith(headers.OWN_PREFIX):
        raise ValueError(f"header {name!r} is the pipeline's own; use another name")


def _name_of(action: object) -> str:
    if isinstance(action, Later):
        return _name_of(action.action)
    if isinstance(action, DomainAction):
        return action.kind
    return "add_header" if isinstance(action, AddHeader) else type(action).__name__.lower()
