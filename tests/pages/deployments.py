"""``examples/deploy``, written again by what ``claimx-run export`` does.

``python -m tests.pages.deployments`` writes it again.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.operations.export import Target

FOLDER = Path(__file__).parents[2] / "examples" / "deploy"


def write(folder: Path = FOLDER) -> None:
    """Replace what is in *folder*; its README stays."""
    with TemporaryDirectory() as empty:
        pipeline = Pipeline.load(environ={}, cwd=Path(empty))
    for target in get_args(Target):
        shutil.rmtree(folder / target, ignore_errors=True)
        operations.export_deployment(pipeline, target, folder / target)


if __name__ == "__main__":
    write()
