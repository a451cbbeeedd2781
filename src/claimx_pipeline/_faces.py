"""How the public modules hand their names on: each is imported when it is first used."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

INTERNAL = frozenset(
    {
        "AnswerCache.counts",
        "ClaimxReader.of",
        "Connection.breaker",
        "Connection.counted_as",
        "Connection.metrics",
        "Connections.counts",
        "Connections.drift",
        "Connections.metrics",
        "DeadLetter.of",
        "DeadLetterContext.lend",
        "EnrichmentContext.lend",
        "EventHooks.ask",
        "EventHooks.states",
        "FileContext.lend",
        "Health.reports",
        "LoadedSettings.root",
        "Metrics.drift",
        "Metrics.files",
        "Metrics.lag",
        "Metrics.process",
        "Metrics.records",
        "Metrics.requests",
        "Metrics.tables",
        "Pipeline.registrations",
        "PluginState.__init__",
        "Pulse.reasons",
        "Resources.redactor",
        "Resources.tracing",
        "RowsCommitted.lend",
        "TableStore.explain",
        "TableStore.positions",
        "TableStore.positions_of_rows",
        "TableStore.set_positions",
        "TableStore.sink",
        "TableStore.unexplained",
        "WorkerHealth.report",
        "WorkerMetrics.table",
        "WorkerReadiness.lend",
        "World.expected",
        "World.expected_files",
        "World.expected_submissions",
        "World.resubmitted",
    }
)
"""Parts of public classes that the pipeline alone uses: nothing is promised of them."""


def attach(name: str, file: str) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """Return what a public module needs to hand on the names in the stub beside it.

    As ``lazy_loader.attach_stub``, for a stub that may import from the whole package.

    Args:
        name: ``__name__`` of the module.
        file: ``__file__`` of the module.

    Returns:
        ``__getattr__``, ``__dir__`` and ``__all__``.
    """
    stub = Path(file).with_suffix(".pyi")
    # The package that a relative import of the stub begins in.
    package = name if stub.name == "__init__.pyi" else name.rpartition(".")[0]
    homes = {
        alias.name: "." * node.level + (node.module or "")
        for node in ast.parse(stub.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    def find(wanted: str) -> Any:
        if wanted not in homes:
            raise AttributeError(f"module {name!r} has no attribute {wanted!r}")
        found = getattr(import_module(homes[wanted], package), wanted)
        setattr(sys.modules[name], wanted, found)
        return found

    names = sorted(homes)
    return find, lambda: names, names
