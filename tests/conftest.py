"""What every test may ask for."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.nursery import Nursery
from tests.rigs.kafka_server import (
    KafkaServer,
    KafkaUnavailableError,
    free_port,
    kafka,
    kafka_server,
)
from tests.rigs.secured_kafka import SecuredKafka, secured

T = TypeVar("T")

# How long an example takes depends on what else the machine does.
settings.register_profile(
    "busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy machine")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the mutation check run in part."""
    parser.addoption(
        "--mutations", type=int, default=None, help="Only so many of the quick mutations."
    )
    parser.addoption("--mutation-seed", default="", help="What they are drawn by.")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave what takes minutes or needs other programs to those who ask for it."""
    asked = config.getoption("markexpr")
    marks = [mark for mark in ("mutation", "deploy", "monitoring", "tutorial") if mark not in asked]
    left_out = [item for item in items if any(map(item.get_closest_marker, marks))]
    if left_out:
        items[:] = [item for item in items if item not in left_out]
        config.hook.pytest_deselected(items=left_out)


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
def own_kafka() -> Iterator[KafkaServer]:
    """A Kafka of the test's own, to be frozen, killed or started again."""
    yield from _running(kafka_server())


@pytest.fixture(scope="session")
def _killed_kafka() -> Iterator[KafkaServer]:
    yield from _running(kafka_server())


@pytest.fixture
def mortal_kafka(_killed_kafka: KafkaServer) -> KafkaServer:
    """A Kafka for all tests that kill and restart one; it runs whenever a test begins."""
    if not _killed_kafka.serves():  # the test before failed while it was down
        _killed_kafka.end()
        _killed_kafka.start()
    return _killed_kafka


@pytest.fixture(scope="session")
def secured_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A Kafka with every login and encryption there is, and what its clients need."""
    yield from _running(secured(tmp_path_factory.mktemp("security")))


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    """Starts commands quickly, for tests that kill them."""
    with Nursery() as started:
        yield started


@pytest.fixture
def kafka_behind_proxy() -> Iterator[tuple[int, int]]:
    """A Kafka of the test's own: its port, and the one it sends its clients to, for a proxy."""
    advertised = free_port()
    for server in _running(kafka_server(advertised=advertised)):
        yield server.port, advertised


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
