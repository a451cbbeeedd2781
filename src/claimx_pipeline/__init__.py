"""ClaimX events from Kafka, enriched from the ClaimX API, kept in Delta Lake.

What users and plugins may import. The flow, as the rooms under ``steps`` have it:

``ingest`` and ``events`` read raw events; ``enrichment`` asks the API and runs plugins;
``entities`` writes the tables; ``download``, ``upload`` and ``results`` copy the claims'
files; ``chain`` is what plugins build workers from.

Names are imported when they are first used, so that importing this package is quick.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import OutRecord, Record
    from claimx_pipeline.claimx.entities import EntityRows
    from claimx_pipeline.claimx.events import Event
    from claimx_pipeline.claimx.handlers.protocol import Handled, Handler
    from claimx_pipeline.cli.output import note, print_json, print_table
    from claimx_pipeline.clock import Clock, SystemClock
    from claimx_pipeline.connections.answer import Answer, RequestFailedError
    from claimx_pipeline.connections.cache import AnswerCache
    from claimx_pipeline.connections.call import Watch
    from claimx_pipeline.connections.client import Connection
    from claimx_pipeline.delta.querying.queries import NamedQuery, Parameter
    from claimx_pipeline.delta.rows import TableRow
    from claimx_pipeline.delta.spec import (
        BOOL,
        DATE,
        DOUBLE,
        INT,
        LONG,
        STRING,
        TIMESTAMP,
        Column,
        TableSpec,
    )
    from claimx_pipeline.domain.entities import EntityRow
    from claimx_pipeline.errors import (
        Category,
        ClaimxError,
        DecodeError,
        Problem,
        RecordError,
        SettingsError,
        UsageError,
    )
    from claimx_pipeline.hooks.command import Command
    from claimx_pipeline.hooks.context import EnrichmentContext, FileContext
    from claimx_pipeline.hooks.markers import API_VERSION, hookimpl
    from claimx_pipeline.hooks.result import (
        AddHeader,
        CreateClaimxTask,
        Log,
        Metric,
        PluginResult,
        Publish,
        Webhook,
    )
    from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask
    from claimx_pipeline.media.paths import target_path
    from claimx_pipeline.operations import (
        create_all,
        publish,
        query,
        read_topic,
        run_until_idle,
    )
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.plugins.base import Plugin
    from claimx_pipeline.plugins.conditions import Holds, check_conditions, compile_conditions
    from claimx_pipeline.plugins.task_trigger import TaskTriggerPlugin
    from claimx_pipeline.plugins.triggers import (
        LogAction,
        TaskTriggerConfig,
        Trigger,
        TriggerActions,
        WebhookAction,
    )
    from claimx_pipeline.runtime.outcome import DONE, Dead, Done, Held, Outcome, Retry, failure
    from claimx_pipeline.runtime.resources import Resources
    from claimx_pipeline.runtime.worker import Processor, Received, WorkerSpec
    from claimx_pipeline.settings.secret import Secret
    from claimx_pipeline.settings.tree.connections import ConnectionSettings
    from claimx_pipeline.settings.tree.settings import Settings, SettingsSection
    from claimx_pipeline.stages.chain import Chain, ChainProcessor
    from claimx_pipeline.stages.delta import DeltaConfig, DeltaStage
    from claimx_pipeline.stages.fields import read_field
    from claimx_pipeline.stages.lookup import LookupConfig, LookupStage
    from claimx_pipeline.stages.protocol import Item, RecordStage, Stage, StageSpec
    from claimx_pipeline.stages.send import SendConfig, SendStage
    from claimx_pipeline.stages.transform import TransformConfig, TransformStage
    from claimx_pipeline.stages.validation import (
        FieldRule,
        SkipRule,
        ValidationConfig,
        ValidationStage,
    )
    from claimx_pipeline.topics import DOWNLOADS_PENDING, DOWNLOADS_RESULTS, WEEK_HOURS, Topic

__all__ = [
    "API_VERSION",
    "BOOL",
    "DATE",
    "DONE",
    "DOUBLE",
    "DOWNLOADS_PENDING",
    "DOWNLOADS_RESULTS",
    "INT",
    "LONG",
    "STRING",
    "TIMESTAMP",
    "WEEK_HOURS",
    "AddHeader",
    "Answer",
    "AnswerCache",
    "CachedFile",
    "Category",
    "Chain",
    "ChainProcessor",
    "ClaimxError",
    "Clock",
    "Column",
    "Command",
    "Connection",
    "ConnectionSettings",
    "CreateClaimxTask",
    "Dead",
    "DecodeError",
    "DeltaConfig",
    "DeltaStage",
    "Done",
    "DownloadResult",
    "DownloadTask",
    "EnrichmentContext",
    "EntityRow",
    "EntityRows",
    "Event",
    "FieldRule",
    "FileContext",
    "Handled",
    "Handler",
    "Held",
    "Holds",
    "Item",
    "Log",
    "LogAction",
    "LookupConfig",
    "LookupStage",
    "Metric",
    "NamedQuery",
    "OutRecord",
    "Outcome",
    "Parameter",
    "Pipeline",
    "Plugin",
    "PluginResult",
    "Problem",
    "Processor",
    "Publish",
    "Received",
    "Record",
    "RecordError",
    "RecordStage",
    "RequestFailedError",
    "Resources",
    "Retry",
    "Secret",
    "SendConfig",
    "SendStage",
    "Settings",
    "SettingsError",
    "SettingsSection",
    "SkipRule",
    "Stage",
    "StageSpec",
    "SystemClock",
    "TableRow",
    "TableSpec",
    "TaskTriggerConfig",
    "TaskTriggerPlugin",
    "Topic",
    "TransformConfig",
    "TransformStage",
    "Trigger",
    "TriggerActions",
    "UsageError",
    "ValidationConfig",
    "ValidationStage",
    "Watch",
    "Webhook",
    "WebhookAction",
    "WorkerSpec",
    "check_conditions",
    "compile_conditions",
    "create_all",
    "failure",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
    "publish",
    "query",
    "read_field",
    "read_topic",
    "run_until_idle",
    "target_path",
]

_HOMES = {
    "broker.protocol": ("OutRecord", "Record"),
    "claimx.entities": ("EntityRows",),
    "claimx.events": ("Event",),
    "claimx.handlers.protocol": ("Handled", "Handler"),
    "domain.entities": ("EntityRow",),
    "hooks.command": ("Command",),
    "cli.output": ("note", "print_json", "print_table"),
    "clock": ("Clock", "SystemClock"),
    "connections.answer": ("Answer", "RequestFailedError"),
    "connections.cache": ("AnswerCache",),
    "connections.call": ("Watch",),
    "connections.client": ("Connection",),
    "delta.querying.queries": ("NamedQuery", "Parameter"),
    "delta.spec": (
        "BOOL",
        "Column",
        "DATE",
        "DOUBLE",
        "INT",
        "LONG",
        "STRING",
        "TIMESTAMP",
        "TableSpec",
    ),
    "operations": ("create_all", "publish", "query", "read_topic", "run_until_idle"),
    "delta.rows": ("TableRow",),
    "errors": (
        "Category",
        "ClaimxError",
        "DecodeError",
        "Problem",
        "RecordError",
        "SettingsError",
        "UsageError",
    ),
    "hooks.markers": ("API_VERSION", "hookimpl"),
    "media.messages": ("CachedFile", "DownloadResult", "DownloadTask"),
    "media.paths": ("target_path",),
    "pipeline": ("Pipeline",),
    "plugins.base": ("Plugin",),
    "plugins.conditions": ("Holds", "check_conditions", "compile_conditions"),
    "hooks.context": ("EnrichmentContext", "FileContext"),
    "hooks.result": (
        "AddHeader",
        "CreateClaimxTask",
        "Log",
        "Metric",
        "PluginResult",
        "Publish",
        "Webhook",
    ),
    "plugins.task_trigger": ("TaskTriggerPlugin",),
    "plugins.triggers": (
        "LogAction",
        "TaskTriggerConfig",
        "Trigger",
        "TriggerActions",
        "WebhookAction",
    ),
    "runtime.outcome": ("DONE", "Dead", "Done", "Held", "Outcome", "Retry", "failure"),
    "runtime.resources": ("Resources",),
    "runtime.worker": ("Processor", "Received", "WorkerSpec"),
    "settings.secret": ("Secret",),
    "settings.tree.connections": ("ConnectionSettings",),
    "settings.tree.settings": ("Settings", "SettingsSection"),
    "stages.delta": ("DeltaConfig", "DeltaStage"),
    "stages.fields": ("read_field",),
    "stages.lookup": ("LookupConfig", "LookupStage"),
    "stages.protocol": ("Item", "RecordStage", "Stage", "StageSpec"),
    "stages.send": ("SendConfig", "SendStage"),
    "stages.transform": ("TransformConfig", "TransformStage"),
    "stages.validation": ("FieldRule", "SkipRule", "ValidationConfig", "ValidationStage"),
    "stages.chain": ("Chain", "ChainProcessor"),
    "topics": ("DOWNLOADS_PENDING", "DOWNLOADS_RESULTS", "Topic", "WEEK_HOURS"),
}
"""Module to the public names that live in it."""

_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}


if not TYPE_CHECKING:
    # A type checker goes by the imports above: for it, a name that is not there is a mistake.
    def __getattr__(name: str) -> Any:
        """Import a public name from its home."""
        module = _HOME_OF.get(name)
        if module is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(importlib.import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    """List the public names."""
    return sorted(_HOME_OF)
