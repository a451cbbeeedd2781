"""The pages of alerts, and ``examples/deploy/monitoring``, from their declarations.

``python -m tests.pages.monitoring`` writes them again.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from claimx_pipeline import Pipeline
from claimx_pipeline.monitoring.runbooks import index, runbook
from claimx_pipeline.operations.monitoring import Monitoring, export_monitoring, monitoring

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "how-to" / "operate" / "alerts"
EXAMPLE = ROOT / "examples" / "deploy" / "monitoring"
COMMAND = "python -m tests.pages.monitoring"
RUNBOOKS = "docs/how-to/operate/alerts"


def pipeline() -> Pipeline:
    """Return a pipeline with both distributions and no settings."""
    with tempfile.TemporaryDirectory() as folder:
        return Pipeline.load(environ={}, cwd=Path(folder))


def found() -> Monitoring:
    """Return every dashboard and alert of both distributions."""
    return monitoring(pipeline())


def pages() -> dict[str, str]:
    """Return the text of each page, by its file's name."""
    alerts = found().alerts
    return {alert.page: runbook(alert) for alert in alerts} | {"README.md": index(alerts)}


def write_example(folder: Path = EXAMPLE) -> None:
    """Write what the command writes, without the pages: they are in the docs."""
    shutil.rmtree(folder, ignore_errors=True)
    export_monitoring(pipeline(), folder, runbooks=RUNBOOKS)
    shutil.rmtree(folder / "runbooks")


if __name__ == "__main__":
    shutil.rmtree(PAGES, ignore_errors=True)
    PAGES.mkdir(parents=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, encoding="utf-8")
    write_example()
