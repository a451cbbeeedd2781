"""ClaimX events from Kafka, enriched from the ClaimX API, kept in Delta Lake.

What users and plugins import most; each is imported when it is first used. The rest lies in
five modules beside it:

- ``hooks``: ``Plugin``, what hooks are called with, what they may return, commands
- ``domains``: events, entities, handlers, files and sources; ClaimX's own among them
- ``stages``: workers and what their chains are made of; HTTP services
- ``tables``: how tables and named queries are declared
- ``operations``: what ``claimx-run`` does, to be called from Python

Beside those, ``testing`` is the kit for authors of plugins, ``broker`` what a broker of one's own
needs, ``settings`` the classes of settings, and ``values`` readers of single values.
"""

import warnings
from importlib import import_module
from typing import Any

import lazy_loader

_find, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

_MOVED = {
    "hooks": (
        "AddHeader",
        "check_conditions",
        "Command",
        "compile_conditions",
        "CreateClaimxTask",
        "Holds",
        "Log",
        "LogAction",
        "Metric",
        "note",
        "print_json",
        "print_table",
        "Publish",
        "TaskTriggerConfig",
        "Trigger",
        "TriggerActions",
        "Webhook",
        "WebhookAction",
    ),
    "domains": (
        "CachedFile",
        "DownloadResult",
        "DOWNLOADS_PENDING",
        "DOWNLOADS_RESULTS",
        "DownloadTask",
        "EntityRow",
        "target_path",
        "WEEK_HOURS",
    ),
    "stages": (
        "Answer",
        "AnswerCache",
        "Chain",
        "ChainProcessor",
        "Connection",
        "DeltaConfig",
        "DeltaStage",
        "FieldRule",
        "Item",
        "LookupConfig",
        "LookupStage",
        "read_field",
        "RecordStage",
        "RequestFailedError",
        "SendConfig",
        "SendStage",
        "SkipRule",
        "Stage",
        "StageSpec",
        "TransformConfig",
        "TransformStage",
        "ValidationConfig",
        "ValidationStage",
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
        "TableRow",
        "TableSpec",
        "TIMESTAMP",
    ),
    "operations": (
        "create_all",
        "publish",
        "query",
        "read_topic",
        "run_until_idle",
    ),
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
