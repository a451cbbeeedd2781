"""Answers and forms that are not what they are known as, by what running processes have counted."""

from __future__ import annotations

import asyncio
import http.client
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from claimx_pipeline.operations.doctor.findings import Finding, ok, warning
from claimx_pipeline.operations.probes import TIMEOUT_SECONDS, ask_probes

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

ANSWERS: Final = "claimx_answer_drift_total"
PLUGINS, MISFITS = "claimx_plugin_metric_", "_misfits_total"
"""A plugin that counts something under such a name says that it did not fit."""
AREA: Final = "services"

Series = tuple[str, tuple[tuple[str, str], ...]]
"""A metric's name, and its labels in the order of their names."""


async def drift_findings(pipeline: Pipeline, probes: Sequence[str]) -> AsyncIterator[Finding]:
    """Yield which fields of answers are unknown or retyped, and what of forms did not fit.

    Args:
        pipeline: The pipeline.
        probes: ``http://HOST:PORT`` of each process; those of this machine if not given.

    Raises:
        UsageError: An address is not valid.
    """
    processes = await ask_probes(pipeline, probes)
    texts = await asyncio.gather(*(asyncio.to_thread(_metrics, each.url) for each in processes))
    counted: Counter[Series] = Counter()
    for text in filter(None, texts):
        counted += _drift(text)
    for (name, labels), count in sorted(counted.items()):
        yield _finding(name, dict(labels), count)
    if any(texts) and not counted:
        yield ok(AREA, "answers", "answers and forms are as they are known")


def _metrics(url: str) -> str:
    """Return what a process counts; empty if it does not answer."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS
    )
    try:
        connection.request("GET", "/metrics")
        return connection.getresponse().read().decode()
    except (OSError, http.client.HTTPException, UnicodeDecodeError):
        return ""  # it has ended since it was found, or does not count
    finally:
        connection.close()


def _drift(text: str) -> Counter[Series]:
    found: Counter[Series] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            is_misfit = sample.name.startswith(PLUGINS) and sample.name.endswith(MISFITS)
            if (sample.name == ANSWERS or is_misfit) and sample.value:
                labels = tuple(sorted(sample.labels.items()))
                found[sample.name, labels] += int(sample.value)
    return found


def _finding(name: str, labels: dict[str, str], count: int) -> Finding:
    if name == ANSWERS:
        return warning(
            AREA,
            "answers-changed",
            f"answers to {labels.get('endpoint')}: field {labels.get('field')} is "
            f"{labels.get('kind')}, {_times(count)} since the processes began",
            "an unknown field is not read, a retyped one is empty in its row; see whether rows "
            "need it, and ask who runs the service what was changed",
        )
    what = name.removeprefix(PLUGINS).removesuffix(MISFITS)
    about = ", ".join(f"{key} {value}" for key, value in labels.items() if key != "plugin")
    return warning(
        AREA,
        "forms-changed",
        f"plugin {labels.get('plugin')}: {what} misfits, {about}, {_times(count)} since the "
        "processes began",
        "the worker's log names each question once; what did not fit is kept in the rows' raw_data",
    )


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"
