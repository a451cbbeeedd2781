"""Plugins that do everything wrong cost the pipeline nothing, and their work can be made up for."""

import asyncio
from collections import Counter
from pathlib import Path
from textwrap import dedent

import msgspec
import pytest

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.delta.contents import contents
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.dead_letters.reader import DeadLetterFilter, DeadLetterReader
from claimx_pipeline.runtime.dead_letters.replay import Replayer
from claimx_pipeline.runtime.headers import header
from tests.rigs.plugin_folder import write_plugin
from tests.rigs.whole_pipeline import WholePipeline, whole_pipeline

EVENTS = 20

BROKEN = {
    "raises": """
        def execute(self, context):
            for rows in (context.entities.tasks, context.entities.projects):
                for row in rows:
                    row["project_id"] = "spoilt"
            context.headers["x-spoilt"] = "yes"
            raise ValueError("oops")
    """,
    "hangs": """
        def execute(self, context):
            threading.Event().wait()
    """,
    "overruns": """
        async def execute(self, context):
            context.entities.projects.clear()
            await asyncio.Event().wait()
    """,
    "says-done": """
        async def execute(self, context):
            context.entities.media.clear()
            return "done"
    """,
    "goes-round": """
        async def execute(self, context):
            return PluginResult.publish("claimx.events.raw", context.event)
    """,
    "shouts-into-the-void": """
        async def execute(self, context):
            return PluginResult.publish("nobody.knows", 1)
    """,
    "too-big": """
        def topics(self):
            return [Topic("test.big", terminal=True)]
        async def execute(self, context):
            return PluginResult.publish("test.big", "x" * 2_000_000)
    """,
    "looks-badly": """
        def should_run(self, context):
            return context.nothing
        def execute(self, context):
            return None
    """,
    "ends-the-process": """
        async def execute(self, context):
            raise SystemExit(3)
    """,
    "panics": """
        async def execute(self, context):
            class PanicException(BaseException):
                pass
            raise PanicException("a library of another language gave up")
    """,
    "panics-while-looking": """
        def should_run(self, context):
            raise asyncio.CancelledError("made up")
        def execute(self, context):
            return None
    """,
    "cannot-be-shown": """
        def execute(self, context):
            class Mute(Exception):
                def __str__(self):
                    raise SystemExit("no words")
                __repr__ = __str__
            raise Mute
    """,
    "half-an-emoji": r"""
        def execute(self, context):
            raise ValueError("\ud83d")
    """,
}

REPAIRED = """
    def topics(self):
        return [Topic("test.repaired", terminal=True)]
    def execute(self, context):
        return PluginResult.publish("test.repaired", {"by": self.name, "event": context.event_id})
"""

GOOD = """
    def topics(self):
        return [Topic("test.good", terminal=True)]
    async def execute(self, context):
        return PluginResult.publish("test.good", {"event": context.event_id}, headers={"x": "1"})
"""


def settings(folder: Path, names: list[str]) -> str:
    limits = ", ".join(f"{name}: {{timeout_seconds: 0.2}}" for name in names)
    return f"{{dir: {folder}/plugins{', ' if limits else ''}{limits}}}"


async def stored(whole: WholePipeline) -> dict[str, Counter]:
    """Return what every table of the core says."""
    store = whole.pipeline.table_store
    place = f"{whole.simulator.url}"

    def read() -> dict[str, Counter]:
        found = {}
        for name, spec in whole.pipeline.tables.items():
            if name.startswith("claimx_"):
                rows = contents(store.open(name), spec)
                found[name] = Counter(
                    {tuple(str(v).replace(place, "") for v in row): n for row, n in rows.items()}
                )
        return found

    return await asyncio.to_thread(read)


async def letters(whole: WholePipeline):
    admin = whole.pipeline.broker().admin()
    reader = await DeadLetterReader.open(
        admin, whole.pipeline.topology, [CLAIMX.topics.enrichment_dlq.name]
    )
    found = [letter async for page in reader.pages(DeadLetterFilter()) for letter in page]
    await admin.close()
    return found


@pytest.mark.incident("PLG-03")
@pytest.mark.incident("STR-43")
async def test_the_tables_are_those_of_a_run_without_and_a_replay_makes_up_for_it(tmp_path):
    without, wrong = tmp_path / "without", tmp_path / "wrong"
    for folder in (without, wrong):
        folder.mkdir()
    async with whole_pipeline(without) as whole:
        whole.start()
        await whole.publish(EVENTS)
        await whole.idle()
        expected = await stored(whole)
    for name, body in BROKEN.items():
        write_plugin(wrong, name, dedent(body))
    write_plugin(wrong, "well-behaved", dedent(GOOD), priority=900)
    async with whole_pipeline(wrong, plugins=settings(wrong, list(BROKEN))) as whole:
        whole.start()
        await whole.publish(EVENTS)
        await whole.idle()
        assert await stored(whole) == expected
        good = await whole.records("test.good")
        assert len(good) == EVENTS
        assert not [record for record in good if header(record.headers, "x-spoilt")]
        dead = await letters(whole)
    assert {letter.failure.kind for letter in dead} == {"plugin"}
    assert Counter(letter.failure.plugin for letter in dead) == dict.fromkeys(BROKEN, EVENTS)
    said = {letter.failure.plugin: letter.failure.error for letter in dead}
    assert "ValueError: oops" in said["raises"]
    assert "suspended" in said["hangs"]
    assert "returned str" in said["says-done"]
    assert "belongs to the pipeline" in said["goes-round"]
    assert "no topic 'nobody.knows'" in said["shouts-into-the-void"]
    assert "the limit is" in said["too-big"]
    assert "in should_run" in said["looks-badly"]
    assert "SystemExit" in said["ends-the-process"]
    assert "PanicException: a library of another language" in said["panics"]
    assert "CancelledError: made up (in should_run)" in said["panics-while-looking"]
    assert "Mute" in said["cannot-be-shown"]
    assert r"ValueError: \ud83d" in said["half-an-emoji"]
    first = next(letter.failure for letter in dead if letter.failure.plugin == "raises")
    assert "in execute" in first.traceback.splitlines()[1], "the plugin's own line comes first"

    await repaired_and_replayed(wrong, expected)


async def repaired_and_replayed(folder: Path, expected: dict[str, Counter]) -> None:
    """One plugin is repaired and its letters are replayed: it runs, and nothing else does."""
    write_plugin(folder, "raises", dedent(REPAIRED))
    async with whole_pipeline(folder, plugins=settings(folder, list(BROKEN))) as whole:
        whole.world.set_clock(whole.world.end(EVENTS))
        dead = [letter for letter in await letters(whole) if letter.failure.plugin == "raises"]
        pipeline = whole.pipeline
        names = [name for name, _ in pipeline.plugins.loaded()]
        files = ValueFiles(pipeline.settings.storage.files.root)
        workers = pipeline.workers.values()
        replayer = Replayer.of(pipeline.topology, workers, names, files, pipeline.clock)
        producer = pipeline.broker().producer()
        await producer.start()
        replayed = await replayer.replay(dead, producer)
        await producer.close()
        assert (len(replayed.replayed), replayed.refused) == (EVENTS, [])
        whole.start()
        await whole.idle()
        records = await whole.records("test.repaired")
        assert {msgspec.json.decode(record.value)["by"] for record in records} == {"raises"}
        assert len({header(record.headers, "claimx-id") for record in records}) == EVENTS
        assert len(await whole.records("test.good")) == EVENTS, "no other plugin ran again"
        assert await stored(whole) == expected
        left = Counter(letter.failure.plugin for letter in await letters(whole))
        assert left == dict.fromkeys(set(BROKEN) - {"raises"}, EVENTS)


FILTER = """
    event_types = frozenset({"CUSTOM_TASK_ASSIGNED", "PROJECT_FILE_ADDED"})
    priority = 50
    async def execute(self, context):
        return PluginResult.metric("filtered").and_then(PluginResult.filter_out("not ours"))
"""


async def test_a_filtered_event_leaves_its_line_in_the_log_and_no_rows_of_its_own(tmp_path):
    write_plugin(tmp_path, "early", dedent(GOOD), priority=10)
    write_plugin(tmp_path, "filter", dedent(FILTER))
    write_plugin(tmp_path, "late", dedent(GOOD.replace("test.good", "test.late")))
    async with whole_pipeline(tmp_path, plugins=settings(tmp_path, [])) as whole:
        whole.start()
        await whole.publish(EVENTS)
        await whole.idle()
        types = [event.type for event in whole.world.events(EVENTS)]
        filtered = sum(each in ("CUSTOM_TASK_ASSIGNED", "PROJECT_FILE_ADDED") for each in types)
        assert 0 < filtered < EVENTS
        log = "SELECT outcome, reason, count(*) AS n FROM claimx_event_log GROUP BY 1, 2"
        found = {(row["outcome"], row["reason"] or ""): row["n"] for row in whole.rows(log)}
        assert found == {
            ("enriched", ""): EVENTS - filtered,
            ("filtered", "not ours"): filtered,
        }
        assert whole.keys("media") == []
        assert len(whole.keys("projects")) > 0
        assert len(await whole.records("test.good")) == EVENTS, "what came before is kept"
        assert len(await whole.records("test.late")) == EVENTS - filtered
        assert await whole.dead() == {}
