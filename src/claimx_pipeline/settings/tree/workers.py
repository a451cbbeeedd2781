"""Section ``workers``: what differs of a worker, and workers made of stages."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge, min_len, optional

from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class StageSettings:
    """One stage of a chain."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "enabled": "a stage that is written runs; remove it, or the whole stage",
        "name": "a stage has no name of its own; remove it",
    }
    """Keys of the system before, each with what to write instead."""

    type: str = field(validator=not_blank)
    """Registered name of the stage, such as ``lookup``."""

    config: Mapping[str, Any] = field(factory=dict, repr=False)
    """The stage's options."""


@frozen(kw_only=True)
class WorkerSettings:
    """What differs for one worker from what it declares, or a worker made of stages."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "enabled": "a worker runs if it is started, with 'claimx-run worker NAME'; remove it",
        "name": "the worker's name is the key above; remove it",
        "destination_connection": "add a stage 'send' with 'connection' as the last one",
        "destination_path": "give the stage 'send' an 'endpoint'",
        "destination_method": "give the stage 'send' a 'method'",
        "enable_auto_commit": "offsets are committed when records are settled; remove it",
        "max_retries": "set retry.delays_seconds, or max_retries of the connection",
    }
    """Keys of the system before, each with what to write instead."""

    batch_size: int | None = field(default=None, validator=optional(ge(1)))
    """Records taken at once, at most."""

    linger_seconds: float | None = field(default=None, validator=optional(ge(0)))
    """How long a batch may wait to fill."""

    outage: Literal["wait", "detour", "dead_letter"] | None = None
    """Whether records wait while a service is unavailable, wait in a retry topic and let
    others pass, or are retried and then become dead letters."""

    input_topic: str | None = field(default=None, validator=optional(not_blank))
    """Topic that is read; a worker that no plugin offers needs one."""

    consumer_group: str | None = field(default=None, validator=optional(not_blank))
    """Consumer group, if not the worker's own."""

    success_topic: str | None = field(default=None, validator=optional(not_blank))
    """Gets a message about each record that came through all stages."""

    error_topic: str | None = field(default=None, validator=optional(not_blank))
    """Where records go that can never work, if not the worker's own dead letters."""

    enrichment_handlers: tuple[StageSettings, ...] | None = field(
        default=None, validator=optional(min_len(1))
    )
    """The whole chain of stages, first to last, instead of the worker's own; ``chain`` means the
    same."""

    stages: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)
    """Stage of the worker's own chain to options that differ."""
