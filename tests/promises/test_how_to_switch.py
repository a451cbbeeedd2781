"""The pages on leaving the predecessor, and on running without tables, do what they say."""

import json

from tests.promises.how_to import Terminal, blocks
from tests.rigs import predecessor
from tests.rigs.kafka_server import free_port


def test_the_predecessor_is_left_as_the_page_tells(tmp_path):
    """Settings from its environment, beside it, its tables imported, compared, shown as views."""
    page, port = "how-to/switch-from-the-predecessor.md", free_port()
    typed = [each.replace("8765", str(port)) for each in blocks(page)]
    serve, settings, allow, create, run, judge, copy, compare, views = typed
    predecessor.make(tmp_path / "old", 20)
    terminal = Terminal(tmp_path)
    terminal.type(f"export OLD_TABLES={tmp_path / 'old'}")
    with terminal.serving(serve, port):
        assert "CLAIMX_API_CONCURRENCY: claimx.api.max_concurrent" in terminal.type(settings)
        terminal.type(allow)
        terminal.type(create)
        assert "published 50" in terminal.type(run)
        assert "22 rows" in terminal.type(judge)
        copied = terminal.type(copy)
        assert copied.count(" rows of version ") == len(predecessor.ROWS)
        assert "claimx_tasks: 22 rows" in copied
        compared = terminal.type(compare)
        assert "20 equal, 0 different, 2 only in old" in compared
        assert "compared first_name, last_name" in compared
        terminal.type(views)
    assert 'VIEW "predecessor"."claimx_tasks"' in (tmp_path / "views.sql").read_text()


def test_without_tables_everything_else_works_as_the_page_tells(tmp_path):
    page, port = "how-to/run-without-tables.md", free_port()
    settings, run = (each.replace("8765", str(port)) for each in blocks(page))
    serve = f"claimx-run simulate --port {port} --write-events events.jsonl --events 50 --serve"
    terminal = Terminal(tmp_path)
    with terminal.serving(serve, port):
        terminal.type(settings)
        said = terminal.type(run)
    assert "published 50" in said
    assert list(tmp_path.rglob("_delta_log")) == []
    topics = terminal.type("claimx-run topics list --json")
    listed = {each["topic"]: each for each in json.loads(topics)}
    assert listed["claimx.entities.rows"]["records"] > 0
    assert listed["claimx.downloads.results"]["records"] > 0
    assert "no dead letters" in terminal.type("claimx-run dlq list")
