"""An installation that an earlier version left goes on: nothing waits for ever, nothing is lost.

The data was made with the code of that version, and so was what is expected of it;
README.md beside it says how.
"""

from __future__ import annotations

import asyncio
import json
import lzma
from collections import Counter
from pathlib import Path

import pytest

from tests.golden import rig as golden
from tests.golden import stories
from tests.golden.rig import Json

pytestmark = [
    pytest.mark.plugin,
    # The plugin of the installation imports names from where the last version had them.
    pytest.mark.filterwarnings("default:import .* from claimx_pipeline:DeprecationWarning"),
]

SUBMISSIONS = "itel_cabinet_submissions"

ADDED = {
    "claimx.downloads.stored",
    "claimx.maintenance.position",
    "itel.cabinet.accepted",
    "itel.cabinet.sending",
}
"""Topics that no earlier version reads or writes."""

ENTITY_KINDS = (
    "projects",
    "contacts",
    "media",
    "task_templates",
    "tasks",
    "external_links",
    "video_collab",
)


def read(file: Path) -> Json:
    return json.loads(lzma.decompress(file.read_bytes()))


def expected_of(step: str, found: dict[str, list[Json]], expected: dict[str, list[Json]]) -> None:
    """See that each table holds what it is to hold, in the columns that tell about claims."""
    assert found.keys() >= expected.keys(), f"{step}: a table has another name"
    for table, rows in expected.items():
        columns = list(rows[0]) if rows else []
        if table == "claimx_event_log":
            # That version had no lines of events that failed for good.
            found = {**found, table: [row for row in found[table] if row["outcome"] != "dead"]}
        assert all(row.keys() >= set(columns) for row in found[table]), f"{step}: {table}"
        there = Counter(of(row, columns) for row in found[table])
        wanted = Counter(of(row, columns) for row in rows)
        assert there - wanted == Counter(), f"{step}: {table} holds what it should not"
        lacking = wanted - there
        if table == SUBMISSIONS:
            # A form that iTel accepted is not sent again; the earlier version did so.
            keys = {row["idempotency_key"] for row in found[table] if row["outcome"] == "accepted"}
            lacking = Counter(
                {row: n for row, n in lacking.items() if not is_repetition(json.loads(row), keys)}
            )
        assert lacking == Counter(), f"{step}: {table} lacks rows"


def is_repetition(row: Json, accepted: set[str]) -> bool:
    return row["outcome"] == "accepted" and row["idempotency_key"] in accepted


def of(row: Json, columns: list[str]) -> str:
    return json.dumps({column: row[column] for column in columns}, sort_keys=True)


def records() -> list[Json]:
    return json.loads(golden.RECORDS.read_text())


@pytest.fixture(scope="module")
def expected() -> Json:
    return read(golden.EXPECTED)


@pytest.fixture(scope="module")
def went_on(tmp_path_factory: pytest.TempPathFactory) -> Json:
    """What became of the installation: it is started once, the tests look at it."""
    return asyncio.run(stories.go_on(golden.unpack(tmp_path_factory.mktemp("installation"))))


def test_it_starts_and_reads_every_row_that_was_there(went_on, expected):
    expected_of("before", went_on["before"], expected["before"])
    assert {each["state"] for each in went_on["plugins"]} == {"loaded"}


def test_every_group_and_table_goes_on_where_it_was(went_on, expected):
    refused = [row for row in went_on["offsets"] if row["refusal"]]
    assert refused == []
    # In that version ``entities`` read no dead letters, and no event came back for a plugin.
    known = [
        row
        for row in went_on["offsets"]
        if row["worker"] != "entities" or not row["topic"].endswith(".dlq")
        if ".plugins." not in row["topic"]
    ]
    assert stories.places(known) == expected["offsets"]


def test_an_event_that_failed_for_good_before_is_accounted_for(went_on):
    lines = [row for row in went_on["waited"]["claimx_event_log"] if row["outcome"] == "dead"]
    assert {row["category"] for row in lines} == {"permanent"}
    assert all(row["reason"] for row in lines)


def test_a_retry_that_is_not_due_is_not_brought_back(went_on):
    assert went_on["early"] == {}


def test_every_waiting_record_is_processed(went_on, expected):
    assert went_on["lag"] == {}
    expected_of("waited", went_on["waited"], expected["waited"])


def test_every_dead_letter_is_listed_and_shown(went_on, expected):
    assert dict(went_on["dead"]) == expected["dead"]
    assert len(went_on["exported"]) == sum(expected["dead"].values())
    for letter in (went_on["shown"], *went_on["exported"]):
        assert letter["worker"], letter
        assert letter["origin"], letter


def test_dead_letters_are_replayed_to_the_worker_that_failed(went_on, expected):
    replay = {key: went_on["replay"][key] for key in ("replayed", "refused")}
    assert replay == expected["replay"]
    assert dict(went_on["dead_again"]) == expected["dead_again"]
    expected_of("replayed", went_on["replayed"], expected["replayed"])


def test_webhooks_are_called_with_the_same_keys(went_on, expected):
    """The receiver knows a repeated call by its key, whichever version makes it."""
    assert went_on["sent"] == expected["sent"]


def test_new_events_go_into_the_old_tables(went_on, expected):
    expected_of("new", went_on["new"], expected["new"])
    new = {row["event_id"] for row in went_on["new"]["claimx_events"]}
    assert len(new) > len({row["event_id"] for row in went_on["replayed"]["claimx_events"]})


def test_the_tables_can_be_listed_and_asked(went_on, expected):
    assert {row["table"] for row in went_on["listed"]} >= expected["new"].keys()
    assert went_on["asked"] == [{"n": len(expected["new"]["claimx_projects"])}]


def test_every_topic_of_the_installation_has_a_record_among_the_golden_ones():
    """Of every kind: each rung of each retry ladder, each topic of dead letters, replay marks."""
    topics = {each["topic"] for each in records()}
    families = ("claimx.enrichment", "claimx.downloads", "claimx.actions", "itel.cabinet")
    rungs = {f"{name}.retry.{rung}" for name in families for rung in ("5m", "10m", "20m", "40m")}
    assert topics >= rungs
    assert {"claimx.dlq.replayed", "claimx.events.dlq", "claimx.entities.dlq"} <= topics
    kinds = {
        kind
        for each in records()
        if each["topic"] == "claimx.entities.rows" and each["value"].startswith('{"event_id":"')
        for kind, rows in json.loads(each["value"]).get("rows", {}).items()
        if rows
    }
    assert kinds == set(ENTITY_KINDS)


async def test_every_golden_record_is_read_from_its_topic(tmp_path, expected):
    found = await stories.read_again(tmp_path / "again", records())
    assert found["lag"] == {}
    assert dict(found["dead"]) == expected["read_again"]["dead"]
    expected_of("read again", found["tables"], expected["read_again"]["tables"])


ADDED_TO_TASKS = {"media_ids", "payload"}
"""Keys of an enrichment task that the earlier version does not know, and does not look at."""


NOT_ASKED = {"webhook": "NoneType", "create_claimx_task": "NoneType"}
"""Keys of an action that the earlier version wrote though nothing was asked by them; without
them it reads the same."""


ADDED_TO_FILES = {"file_version"}
"""Keys of a file that is to be fetched or stored, which the earlier version does not look at."""


ADDED_HEADERS = {"claimx-correlation-id", "claimx-raw"}
"""Headers that the earlier version passes over, and keeps on what it tries again."""


def as_before(message: dict) -> dict:
    """Return what the earlier version sees of a message."""
    headers = [name for name in message["headers"] if name not in ADDED_HEADERS]
    message = {**message, "headers": headers}
    shape = message.get("shape")
    if isinstance(shape, dict) and shape.keys() >= {"kind", "plugin"}:
        return {**message, "shape": {**NOT_ASKED, **shape}}
    if not isinstance(shape, dict):
        return message
    added = ADDED_TO_TASKS if "task_assignment_id" in shape else ADDED_TO_FILES
    known = {key: what for key, what in shape.items() if key not in added}
    return {**message, "shape": known}


async def test_every_message_looks_as_the_earlier_version_wrote_it(tmp_path):
    """So either version reads what the other wrote, while both run side by side.

    Topic, partition, key, headers, the id that repeated messages are known by, and of the
    value the keys and types.
    """
    wire = read(golden.WIRE)
    found = await stories.write(tmp_path / "new")
    assert found.keys() - ADDED == wire.keys()
    for topic, messages in wire.items():
        assert [as_before(each) for each in found[topic]] == messages, topic
    rows = [each["shape"]["rows"] for each in wire["claimx.entities.rows"]]
    assert all(each.keys() == set(ENTITY_KINDS) for each in rows)
