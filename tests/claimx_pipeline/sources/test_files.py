"""Files as people have them: all of each is read, and what changes is shown."""

import contextlib
import gzip
import json
import os
from datetime import UTC, datetime

import pytest

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.sources import SourceError
from claimx_pipeline.sources.files import FilesReader
from tests.rigs.sources import event, lines

LONG_AGO = datetime(2026, 1, 5, tzinfo=UTC).timestamp()


def reading(path):
    """Give a reader of *path*, and close it."""
    return contextlib.closing(FilesReader(str(path), SystemClock()))


def read_all(path, position=None):
    """Return the ids of what is read until there is nothing more, and where that is."""
    found = []
    with reading(path) as reader:
        while True:
            records, following = reader.read(position)
            if not records:
                return found, following
            position = following
            found += [json.loads(record.value)["event_id"] for record in records]


def ids(numbers):
    return [f"e{number}" for number in numbers]


FORMS = {
    "lines": lines(range(2300)).encode(),
    "lines and blanks": lines(range(2300)).replace("\n", "\n\n \r\n").encode(),
    "array": json.dumps([event(number) for number in range(2300)], indent=1).encode(),
    "gzip": gzip.compress(lines(range(2300)).encode()),
    "two gzip members": gzip.compress(lines(range(1000)).encode())
    + gzip.compress(lines(range(1000, 2300)).encode()),
    "utf-16": lines(range(2300)).encode("utf-16"),
    "no end of the last line": lines(range(2300)).rstrip("\n").encode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_and_read_on(tmp_path, form):
    """A new reader, as after a crash, goes on at each page."""
    (tmp_path / "events").write_bytes(FORMS[form])
    found, _ = read_all(tmp_path / "events")
    assert found == ids(range(2300))
    position, paged = None, []
    while True:
        with reading(tmp_path / "events") as reader:
            records, following = reader.read(position)
        if not records:
            break
        paged += [json.loads(record.value)["event_id"] for record in records]
        position = json.loads(json.dumps(following))
    assert paged == ids(range(2300))


def test_a_folder_and_a_pattern_are_read_by_name(tmp_path):
    for name, numbers in {
        "b/1.jsonl": [2],
        "a.jsonl": [0, 1],
        "c.txt": [9],
        ".x.jsonl": [8],
    }.items():
        file = tmp_path / "in" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(lines(numbers))
    assert read_all(tmp_path / "in")[0] == ids([0, 1, 2, 9])
    assert read_all(tmp_path / "in" / "**" / "*.jsonl")[0] == ids([0, 1, 2])


def test_where_an_event_is_does_not_depend_on_the_machine(tmp_path):
    places = []
    for machine in ("one", "two"):
        file = tmp_path / machine / "in" / "a.jsonl"
        file.parent.mkdir(parents=True)
        file.write_text(lines(range(3)))
        os.utime(file, (LONG_AGO, LONG_AGO))
        with reading(file.parent) as reader:
            records, _ = reader.read(None)
        places.append([(record.at, record.time) for record in records])
    assert places[0] == places[1]
    assert places[0][1] == ("a.jsonl#2", datetime(2026, 1, 5, tzinfo=UTC))


def test_a_file_that_grows_is_read_on_whatever_form_it_has(tmp_path):
    file = tmp_path / "a.jsonl"
    file.write_text(lines(range(3)))
    with reading(file) as reader:
        _, position = reader.read(None)
        assert reader.read(position) == ([], position)
        with file.open("a") as more:
            more.write(lines([3]))
        records, _ = reader.read(position)
    assert [json.loads(record.value)["event_id"] for record in records] == ["e3"]


def test_a_new_file_behind_is_read_and_one_in_front_is_said(tmp_path):
    (tmp_path / "b.jsonl").write_text(lines([1]))
    _, position = read_all(tmp_path)
    (tmp_path / "c.jsonl").write_text(lines([2]))
    found, position = read_all(tmp_path, position)
    assert found == ids([2])
    (tmp_path / "a.jsonl").write_text(lines([0]))
    with pytest.raises(SourceError, match=r"'a.jsonl' is not as it was .*backfill"):
        read_all(tmp_path, position)
    (tmp_path / "a.jsonl").unlink()
    assert read_all(tmp_path, position) == ([], position)


def test_a_file_that_was_read_and_grows_is_said(tmp_path):
    for number, name in enumerate(("a.jsonl", "b.jsonl")):
        (tmp_path / name).write_text(lines([number]))
    _, position = read_all(tmp_path)
    with (tmp_path / "a.jsonl").open("a") as more:
        more.write(lines([2]))
    with pytest.raises(SourceError, match=r"'a.jsonl' is not as it was"):
        read_all(tmp_path, position)


@pytest.mark.parametrize("text", [lines([5, 1, 2]), lines([0])], ids=["other", "shorter"])
def test_a_file_that_was_replaced_is_said(tmp_path, text):
    file = tmp_path / "a.jsonl"
    file.write_text(lines(range(3)))
    _, position = read_all(file)
    file.write_text(text)
    with pytest.raises(SourceError, match="was read up to line 3 and is another one"):
        read_all(file, position)


def test_a_file_that_is_missing_is_said(tmp_path):
    with pytest.raises(SourceError, match="there is no file or folder"):
        read_all(tmp_path / "a.jsonl")
    (tmp_path / "a.jsonl").write_text(lines([0]))
    _, position = read_all(tmp_path)
    (tmp_path / "a.jsonl").unlink()
    with pytest.raises(SourceError, match=r"'a.jsonl' is missing"):
        read_all(tmp_path, position)


def test_a_line_that_is_being_written_is_waited_for(tmp_path):
    """One that is never finished is published as it is, and becomes a dead letter there."""
    file = tmp_path / "a.jsonl"
    file.write_text(lines([0]) + '{"event_type": "PROJ')
    with reading(file) as reader:
        records, position = reader.read(None)
        assert len(records) == 1
        with pytest.raises(SourceError, match="not whole yet") as raised:
            reader.read(position)
        assert raised.value.passes
        os.utime(file, (LONG_AGO, LONG_AGO))
        records, _ = reader.read(position)
    assert [record.value for record in records] == [b'{"event_type": "PROJ']


def test_what_is_not_json_is_said(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(SourceError, match="ZIP archive; unpack it first"):
        read_all(tmp_path)


def test_a_broken_line_is_published_as_it_is(tmp_path):
    """The worker that reads the topic makes a dead letter of it, byte for byte."""
    (tmp_path / "a.jsonl").write_bytes(lines([0]).encode() + b"{broken\n" + lines([1]).encode())
    with reading(tmp_path) as reader:
        records, _ = reader.read(None)
    assert [record.value for record in records][1] == b"{broken"
    assert len(records) == 3
