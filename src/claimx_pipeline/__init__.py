"""ClaimX events from Kafka, enriched from the ClaimX API, kept in Delta Lake.

What users and plugins import most; each is imported when it is first used. The rest lies in
the public modules beside it:

- ``hooks``: what hooks are called with, what they may return, commands and their output
- ``plugins``: the task trigger, its settings and its conditions
- ``stages``: what chains of plugin workers are made of
- ``connections``: HTTP services
- ``tables``: how tables and named queries are declared
- ``values``: readers of ids, times and texts of an answer
- ``media``, ``topics``, ``domain``: messages about files, topics of the core, entity kinds
- ``sources``: where events come from other than a topic
- ``operations``: what ``claimx-run`` does, to be called from Python
- ``testing``: the kit for authors of plugins
"""

import warnings
from importlib import import_module
from typing import Any

import lazy_loader

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_MOVED = {
    "hooks": (
        "AddHeader",
        "Command",
        "CreateClaimxTask",
        "Log",
        "Metric",
        "Publish",
        "Webhook",
        "note",
        "print_json",
        "print_table",
    ),
    "plugins": (
        "Holds",
        "LogAction",
        "TaskTriggerConfig",
        "Trigger",
        "TriggerActions",
        "WebhookAction",
        "check_conditions",
        "compile_conditions",
    ),
    "stages": (
        "Chain",
        "ChainProcessor",
        "DeltaConfig",
        "DeltaStage",
        "FieldRule",
        "Item",
        "LookupConfig",
        "LookupStage",
        "RecordStage",
        "SendConfig",
        "SendStage",
        "SkipRule",
        "Stage",
        "StageSpec",
        "TransformConfig",
        "TransformStage",
        "ValidationConfig",
        "ValidationStage",
        "read_field",
    ),
    "connections": (
        "Answer",
        "AnswerCache",
        "Connection",
        "RequestFailedError",
        "Watch",
    ),
    "tables": (
        "BOOL",
        "Column",
        "DATE",
        "DOUBLE",
        "INT",
        "LONG",
        "NamedQuery",
        "Parameter",
        "STRING",
        "TIMESTAMP",
        "TableRow",
        "TableSpec",
    ),
    "media": (
        "CachedFile",
        "DownloadResult",
        "DownloadTask",
        "target_path",
    ),
    "topics": (
        "DOWNLOADS_PENDING",
        "DOWNLOADS_RESULTS",
        "WEEK_HOURS",
    ),
    "operations": (
        "create_all",
        "publish",
        "query",
        "read_topic",
        "run_until_idle",
    ),
    "domain": ("EntityRow",),
}
"""Public module to the names that were here until 0.1; they leave in 0.3."""


def __getattr__(name: str) -> Any:
    """Return a public name, or one that has moved, with a warning that says where to."""
    home = next((module for module, names in _MOVED.items() if name in names), None)
    if home is None:
        return _find(name)
    warnings.warn(
        f"import {name} from {__name__}.{home}; from {__name__} it can be imported until 0.3",
        DeprecationWarning,
        stacklevel=2,
    )
    return getattr(import_module(f"{__name__}.{home}"), name)
