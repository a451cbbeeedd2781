"""The pages on operating do what they say: maintenance, erasure, a table restored from a copy."""

import json

from claimx_pipeline import Pipeline
from tests.promises.how_to import Terminal, blocks
from tests.rigs.sources import event, lines

FIRST, LATER = range(30), range(30, 60)


def published(terminal, numbers):
    (terminal.folder / "events.jsonl").write_text(lines(numbers))
    return terminal.type("claimx-run publish events.jsonl")


def ids(terminal):
    asked = terminal.type("claimx-run query 'SELECT event_id FROM claimx_events' --json")
    return sorted(row["event_id"] for row in json.loads(asked))


def prepared(folder):
    """Return a terminal in an installation whose events table holds the first events."""
    pipeline = Pipeline.load(environ={}, cwd=folder)
    for table in ("claimx_events", "claimx_projects"):
        pipeline.table_store.create(table)
    terminal = Terminal(folder)
    terminal.type("claimx-run topics create")
    published(terminal, FIRST)
    terminal.type("claimx-run worker events --until-idle")
    return terminal


def test_a_table_is_restored_from_a_copy_and_has_every_row_once(tmp_path):
    back_up, restore, rewind, merged, start = blocks("how-to/operate/back-up-and-restore.md")
    assert "rewind entities --to-earliest" in merged
    terminal = prepared(tmp_path)
    terminal.type(back_up)
    published(terminal, LATER)
    terminal.type("claimx-run worker events --until-idle")
    expected = sorted(f"e{number}" for number in (*FIRST, *LATER))
    assert ids(terminal) == expected
    terminal.type(restore)
    assert ids(terminal) == sorted(f"e{number}" for number in FIRST)
    terminal.type(rewind)
    terminal.type(start.replace("events entities", "events"))
    assert ids(terminal) == expected


def test_maintenance_and_erasure_by_hand_as_the_pages_tell(tmp_path):
    _, by_hand, migrate = blocks("how-to/operate/maintain-tables.md")
    look, erase = blocks("how-to/operate/erase-a-project.md")
    (settings,) = blocks("how-to/operate/maintain-tables.md", "yaml")
    (tmp_path / "claimx.yaml").write_text(
        settings.replace("claimx_events: 400", "claimx_events: 1")
    )
    terminal = prepared(tmp_path)
    own = [each for each in FIRST if event(each)["project_id"] == "3"]
    terminal.type(look.replace("700100", "3"))
    terminal.type(erase.replace("700100", "3"))
    report = json.loads((tmp_path / "erased.json").read_text())
    assert {each["table"]: each["rows"] for each in report["tables"]}["claimx_events"] == len(own)
    left = {f"e{each}" for each in FIRST} - {f"e{each}" for each in own}
    assert ids(terminal) == sorted(left)
    assert "no table lacks a column" in terminal.type(migrate)
    terminal.type(by_hand)
    assert ids(terminal) == []
