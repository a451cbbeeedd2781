"""A file for each worker, begun again by size, day and signal."""

import json
import logging
import os
import signal
from datetime import UTC, datetime

import pytest

from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.telemetry.log import logging_of_process
from claimx_pipeline.telemetry.log_context import about
from claimx_pipeline.telemetry.log_files import RotatedFile, file_of

log = logging.getLogger("claimx_pipeline.test")

DOMAINS = frozenset({"claimx", "itel", "xact"})
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("worker", "file"),
    [
        ("enrichment", "claimx/enrichment_worker.log"),
        ("itel-tracking", "itel/tracking_worker.log"),
        ("itel-api", "itel/api_worker.log"),
        ("xact-enrichment", "xact/enrichment_worker.log"),
        ("source-office", "claimx/source_office_worker.log"),
    ],
)
def test_the_files_are_called_as_the_original_documents_call_them(worker, file):
    assert file_of(worker, DOMAINS) == file


@pytest.fixture
def logged(tmp_path):
    """Lines go to files below ``tmp_path`` while the test runs."""
    settings = LoggingSettings(files=True, folder=str(tmp_path), file_names={"b": "x/b.log"})
    names = {name: file_of(name, DOMAINS) for name in ("enrichment", "itel-api")}
    with logging_of_process(settings, Redactor(), names):
        yield tmp_path


def lines(path) -> list[str]:
    return [json.loads(line)["message"] for line in path.read_text().splitlines()]


def test_each_line_is_in_the_file_of_its_worker(logged):
    for worker in ("enrichment", "itel-api", "b"):
        with about(worker=worker):
            log.info("of %s", worker)
    log.info("of none")
    assert lines(logged / "claimx/enrichment_worker.log") == ["of enrichment"]
    assert lines(logged / "itel/api_worker.log") == ["of itel-api"]
    assert lines(logged / "x/b.log") == ["of b"]
    assert lines(logged / "claimx/process.log") == ["of none"]


def test_a_file_that_was_moved_is_begun_again(logged):
    path = logged / "claimx/process.log"
    log.info("one")
    path.rename(path.with_suffix(".old"))
    log.info("two")
    assert lines(path) == ["two"]


def test_it_is_opened_again_after_a_hang_up(logged):
    # Which would end the process without it.
    path = logged / "claimx/process.log"
    log.info("one")
    path.unlink()
    os.kill(os.getpid(), signal.SIGHUP)
    log.info("two")
    assert lines(path) == ["two"]


def test_what_hang_up_did_before_it_does_afterwards(tmp_path):
    before = signal.getsignal(signal.SIGHUP)
    with logging_of_process(LoggingSettings(files=True, folder=str(tmp_path)), Redactor()):
        assert signal.getsignal(signal.SIGHUP) != before
    assert signal.getsignal(signal.SIGHUP) == before


def test_a_large_file_is_put_aside_and_the_oldest_deleted(tmp_path):
    file = RotatedFile(tmp_path / "w.log", rotate_bytes=10, keep=2)
    for number in range(5):
        file.write(f"line number {number}", NOON.replace(second=number))
    file.close()
    aside = sorted(tmp_path.glob("w.log.*"))
    assert [each.read_text().strip() for each in aside] == ["line number 2", "line number 3"]
    assert (tmp_path / "w.log").read_text().strip() == "line number 4"


def test_a_day_has_its_own_file(tmp_path):
    file = RotatedFile(tmp_path / "w.log", rotate_bytes=1000, keep=9)
    file.write("yesterday", NOON)
    file.write("still", NOON.replace(hour=23))
    file.write("today", NOON.replace(day=2))
    file.close()
    (aside,) = tmp_path.glob("w.log.*")
    assert aside.read_text() == "yesterday\nstill\n"
    assert (tmp_path / "w.log").read_text() == "today\n"


def test_two_processes_write_to_one_file_and_lose_nothing(tmp_path):
    one, two = (RotatedFile(tmp_path / "w.log", rotate_bytes=200, keep=99) for _ in range(2))
    for number in range(50):
        for file, name in ((one, "one"), (two, "two")):
            file.write(f"{name} {number}", datetime.now(UTC))
    written = [each for file in tmp_path.iterdir() for each in file.read_text().splitlines()]
    assert sorted(written) == sorted(f"{n} {i}" for n in ("one", "two") for i in range(50))
    one.close()
    two.close()


def test_a_file_that_cannot_be_written_stops_nothing(tmp_path, capsys):
    (tmp_path / "claimx").write_text("not a folder")
    with logging_of_process(LoggingSettings(files=True, folder=str(tmp_path)), Redactor()):
        log.info("one")
        log.info("two")
    said = [json.loads(line)["message"] for line in capsys.readouterr().err.splitlines()]
    assert [each for each in said if "cannot be written" not in each] == ["one", "two"]
    assert len(said) == 3, "it is said once"
