"""The fixtures that pytest gets with ``claimx-pipeline``, by entry point ``pytest11``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from claimx_pipeline.claimx.events import Event
    from claimx_pipeline.simulator.server import SimulatorServer
    from claimx_pipeline.testing.sandbox import Sandbox

# Imports are inside the fixtures: pytest loads this module in every project that has
# the package installed.


@pytest.fixture
def claimx_data_dir(tmp_path: Path) -> Path:
    """An empty folder for a pipeline's data."""
    folder = tmp_path / "claimx-data"
    folder.mkdir()
    return folder


@pytest.fixture
def claimx_sandbox(claimx_data_dir: Path) -> Iterator[Sandbox]:
    """A whole pipeline of the test's own: simulator, broker, tables, workers."""
    from claimx_pipeline.testing.sandbox import Sandbox  # noqa: PLC0415 - see above

    with Sandbox(claimx_data_dir) as sandbox:
        yield sandbox


@pytest.fixture
def claimx_simulator(claimx_sandbox: Sandbox) -> SimulatorServer:
    """The simulated APIs: what they were asked, what was submitted, faults to inject."""
    return claimx_sandbox.simulator


@pytest.fixture
def claimx_run_worker(claimx_sandbox: Sandbox) -> Callable[..., None]:
    """Runs workers, by name, until they have nothing left to do."""
    return claimx_sandbox.run


@pytest.fixture
def claimx_event() -> Callable[..., Event]:
    """Makes events: ``claimx_event("SOMETHING_HAPPENED", media_id="7")``."""
    from claimx_pipeline.testing.builders import make_event  # noqa: PLC0415 - see above

    return make_event
