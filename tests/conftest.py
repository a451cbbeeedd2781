"""What every test may ask for."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from kafka_server import KafkaUnavailableError, kafka, kafka_process

T = TypeVar("T")

# How long an example takes depends on what else the machine does.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in a folder of its own: relative places never litter the checkout."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="session")
def kafka_url() -> Iterator[str]:
    """The URL of a real Apache Kafka, one for all tests of a run.

    ``KAFKA_BOOTSTRAP_SERVERS`` names one that runs already; otherwise one is started.
    """
    if given := os.environ.get("KAFKA_BOOTSTRAP_SERVERS"):
        yield f"kafka://{given}"
        return
    yield from _running(kafka())


@pytest.fixture
def own_kafka() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """A Kafka of the test's own, URL and process, to be frozen or killed."""
    yield from _running(kafka_process())


def _running(server: AbstractContextManager[T]) -> Iterator[T]:
    with contextlib.ExitStack() as stack:
        try:
            running = stack.enter_context(server)
        except KafkaUnavailableError as error:
            if os.environ.get("CI"):
                # There all tests are to run.
                pytest.fail(str(error))
            pytest.skip(f"{error}; set KAFKA_BOOTSTRAP_SERVERS, or install Java 17 and Maven")
        yield running
