"""A pipeline on the embedded broker, in a folder of the test's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline, operations

SETTINGS = "workers: {events: {linger_seconds: 0}}\n"


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Pipeline]:
    """Loads the pipeline of the test's folder; settings by their dotted path win."""

    def loading(text: str = SETTINGS, **overrides: str) -> Pipeline:
        (tmp_path / "claimx.yaml").write_text(text)
        given = {name.replace("__", "."): value for name, value in overrides.items()}
        return Pipeline.load(environ={}, cwd=tmp_path, overrides=given)

    return loading


@pytest.fixture
def pipeline(load: Callable[..., Pipeline]) -> Pipeline:
    """A pipeline whose topics and tables are missing."""
    return load()


@pytest.fixture
async def ready(pipeline: Pipeline) -> Pipeline:
    """A pipeline whose topics and tables exist."""
    await operations.create_all(pipeline)
    return pipeline
