"""The metrics of the predecessor's documents, under their own names.

``itel_plugin_…`` count where events become messages, in the enrichment worker; ``itel_worker_…``
both cabinet workers together, as one document has it, ``itel_tracking_worker_…`` and
``itel_api_worker_…`` each of them, as another has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from claimx_pipeline import Settings
from claimx_pipeline.hooks import CountedIn, FormerMetric
from itel_cabinet_plugin.settings import itel_settings

_TRIGGER: Final = "itel_cabinet_trigger"
_TRACKING: Final = ("itel-tracking",)
_API: Final = ("itel-api",)
_BOTH: Final = (*_TRACKING, *_API)
_CLAIMX: Final = ("claimx_api",)
_ERRORS: Final = ("4xx", "5xx", "timeout", "unreached")
_ALL: Final = ("2xx", "3xx", *_ERRORS)


def former_metrics(
    settings: Settings, topic: str, connections: Sequence[str]
) -> list[FormerMetric]:
    """Return the predecessor's metrics; none if ``itel_cabinet.former_metrics`` is off.

    Args:
        settings: All settings.
        topic: The plugin's topic, as the broker calls it.
        connections: Those that forms are sent to.
    """
    if not itel_settings(settings).former_metrics:
        return []
    return [
        *_of_the_trigger(topic),
        *_of_both_workers(),
        *_of_tracking(),
        *_of_submission(connections),
    ]


def _of_the_trigger(topic: str) -> Iterator[FormerMetric]:
    published = {"plugin": [_TRIGGER], "action": ["publish"]}
    yield _counter(
        "itel_plugin_events_triggered_total",
        "Events of cabinet tasks that met the trigger",
        CountedIn("claimx_plugin_actions_total", published),
    )
    yield _counter(
        "itel_plugin_events_published_total",
        "Messages to the plugin's topic that the broker acknowledged",
        CountedIn("claimx_records_published_total", {"topic": [topic]}),
    )
    failed = {"plugin": [_TRIGGER], "outcome": ["failed", "overran", "suspended"]}
    yield _counter(
        "itel_plugin_publish_errors_total",
        "Events that the trigger failed on; each is a dead letter of the plugin",
        CountedIn("claimx_plugin_calls_total", failed),
    )


def _of_both_workers() -> Iterator[FormerMetric]:
    yield _counter(
        "itel_worker_messages_consumed_total",
        "Messages read by both cabinet workers",
        CountedIn("claimx_records_received_total", {"worker": _BOTH}),
    )
    yield _processed("itel_worker_messages_processed_total", _BOTH)
    failed = {"worker": _BOTH, "outcome": ["retry", "dead"]}
    yield _counter(
        "itel_worker_messages_failed_total",
        "Messages that are tried again or dead",
        CountedIn("claimx_records_committed_total", failed),
    )
    for name, classes in (("calls", _ALL), ("errors", _ERRORS)):
        yield _counter(
            f"itel_worker_claimx_api_{name}_total",
            f"Requests of the cabinet workers to the ClaimX API, {name}",
            CountedIn("claimx_requests_total", {"connection": _CLAIMX, "status_class": classes}),
        )
    yield _latency("itel_worker_claimx_api_latency_seconds", "the ClaimX API", _CLAIMX)
    yield from _delta("itel_worker")
    yield FormerMetric(
        name="itel_worker_processing_latency_seconds",
        help="From the poll of a batch of the cabinet workers to its commit",
        kind="histogram",
        of=[CountedIn("claimx_batch_duration_seconds", {"worker": _BOTH})],
    )


def _of_tracking() -> Iterator[FormerMetric]:
    yield _processed("itel_tracking_worker_messages_processed_total", _TRACKING)
    yield from _delta("itel_tracking_worker")


def _of_submission(itel: Sequence[str]) -> Iterator[FormerMetric]:
    yield _processed("itel_api_worker_messages_processed_total", _API)
    for name, classes in (("calls", _ALL), ("errors", _ERRORS)):
        yield _counter(
            f"itel_api_worker_api_{name}_total",
            f"Requests to the iTel Cabinet API, {name}",
            CountedIn("claimx_requests_total", {"connection": itel, "status_class": classes}),
        )
    yield _latency("itel_api_worker_api_latency_seconds", "the iTel Cabinet API", itel)


def _delta(prefix: str) -> Iterator[FormerMetric]:
    for name, outcomes in (("writes", ("committed", "failed")), ("write_errors", ("failed",))):
        yield _counter(
            f"{prefix}_delta_{name}_total",
            f"Writes of the tracking worker to its tables, {name.replace('_', ' ')}",
            CountedIn("claimx_table_commits_total", {"worker": _TRACKING, "outcome": outcomes}),
        )


def _processed(name: str, workers: Sequence[str]) -> FormerMetric:
    outcomes = {"worker": workers, "outcome": ["done", "skipped"]}
    return _counter(
        name, "Messages done or skipped", CountedIn("claimx_records_committed_total", outcomes)
    )


def _latency(name: str, what: str, connections: Sequence[str]) -> FormerMetric:
    return FormerMetric(
        name=name,
        help=f"How long a request to {what} took",
        kind="histogram",
        of=[CountedIn("claimx_request_duration_seconds", {"connection": connections})],
    )


def _counter(name: str, text: str, *of: CountedIn) -> FormerMetric:
    kind: Literal["counter"] = "counter"
    return FormerMetric(name=name, help=text, kind=kind, of=of)
