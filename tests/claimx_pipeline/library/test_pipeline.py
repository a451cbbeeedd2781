"""The pipeline in a program or a notebook: run, publish, enrich, and what is shown of results."""

import asyncio
import json
import signal
import subprocess
import sys
import threading

import pyarrow as pa
import pytest

from claimx_pipeline import DecodeError, Pipeline, Plugin, PluginResult, UsageError, operations
from claimx_pipeline.errors import ClaimxError, TableError
from claimx_pipeline.library.blocking import blocking
from claimx_pipeline.operations import QueryAnswer, RunReport, WorkerRun
from tests.rigs.until import until


def event(number):
    return {"eventId": f"e{number}", "eventType": "PROJECT_CREATED", "projectId": number}


@pytest.fixture
def pipeline(tmp_path):
    settings = {
        "broker": {"url": f"sqlite:///{tmp_path / 'broker.db'}"},
        "tables": {"root": tmp_path / "tables"},
        "workers": {"events": {"linger_seconds": 0}},
    }
    return Pipeline.load(settings=settings, environ={}, cwd=tmp_path)


async def test_events_are_published_run_and_asked_for_by_methods_alone(pipeline):
    await pipeline.create()
    sent = await pipeline.publish([event(1), '{"eventId": "e2"}', b'{"a": 1}', event(3)])
    assert sent.published == 2
    assert [each.line for each in sent.refused] == [2, 3]
    done = await pipeline.run("events", until_idle=True)
    assert (done.records, done.dead, done.waiting, done.problems) == (2, 0, 0, [])
    answer = pipeline.query("SELECT event_id, project_id FROM claimx_events ORDER BY 1")
    assert [row["event_id"] for row in answer] == ["e1", "e3"]


async def test_the_blocking_run_works_where_a_loop_runs_already(pipeline):
    await pipeline.create()
    await pipeline.publish([event(1)])
    assert pipeline.run_blocking("events").records == 1


def test_the_blocking_run_works_where_none_runs(pipeline):
    asyncio.run(pipeline.create())
    asyncio.run(pipeline.publish([event(1), event(2)]))
    assert pipeline.run_blocking("events").records == 2


async def test_an_interruption_of_what_blocks_ends_it_before_it_is_raised():
    begun, ended = threading.Event(), []

    async def work():
        try:
            begun.set()
            await asyncio.Event().wait()
        finally:
            ended.append("cleaned up")

    def interrupt():
        begun.wait(30)
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    threading.Thread(target=interrupt).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            blocking(work)
    finally:
        signal.signal(signal.SIGINT, before)
    assert ended == ["cleaned up"]


async def test_what_died_is_a_problem_that_says_where_to_look(pipeline):
    await pipeline.create()
    await operations.publish(pipeline, "claimx.events.raw", [b"not an event"])
    done = await pipeline.run("events", until_idle=True)
    (problem,) = done.problems
    assert (done.dead, problem.partition(";")[0]) == (1, "1 dead letter of worker events")
    assert "events: 0 done, 1 dead" in repr(done)
    wanted = operations.dead_letter_filter(pipeline, worker="events")
    assert (await operations.look_at_dead_letters(pipeline, wanted)).groups.count == 1


class Later(Plugin):
    """Asks for another try."""

    name = "later"

    def execute(self, context):
        return PluginResult.retry("not yet")


def test_what_waits_to_be_tried_again_is_a_problem_of_the_run_that_left_it(
    claimx_sandbox, tmp_path
):
    found = next(e for e in claimx_sandbox.happen(20) if e.event_type == "PROJECT_CREATED")
    given = {"eventId": "x", "eventType": found.event_type, "projectId": found.project_id}
    api = claimx_sandbox.simulator.api_url
    settings = {
        "broker": {"url": f"sqlite:///{tmp_path / 'own.db'}"},
        "claimx": {"api": {"base_url": api, "token": "demo-token"}},
    }
    pipeline = Pipeline.load(settings=settings, environ={}, plugins=[Later()])
    asyncio.run(operations.create_topics(pipeline))
    asyncio.run(pipeline.publish([given]))
    first = pipeline.run_blocking("ingest", "enrichment")
    assert (first.waiting, first.problems) == (1, ["1 record in the retry topics"])
    second = pipeline.run_blocking("ingest", "enrichment")
    assert (second.waiting, second.problems) == (0, [])


async def test_a_worker_that_fails_is_raised_with_what_all_did(pipeline):
    await operations.create_topics(pipeline)
    await pipeline.publish([event(1)])
    with pytest.raises(ClaimxError) as raised:
        await pipeline.run("events", "ingest", until_idle=True)
    (note,) = raised.value.__notes__
    assert "ingest: " in note
    assert "worker events failed" in note


async def test_a_run_ends_when_its_event_is_set(pipeline):
    await pipeline.create()
    stop = asyncio.Event()
    service = asyncio.create_task(pipeline.run("ingest", stop=stop))
    await pipeline.publish([event(1)])

    async def ingested():
        return await operations.read_topic(pipeline, "claimx.enrichment.pending")

    await until(ingested)
    stop.set()
    assert (await service).records == 1


async def test_without_names_every_worker_runs_and_what_it_needs_is_named(pipeline):
    with pytest.raises(ClaimxError, match="set CLAIMX_API_URL and CLAIMX_API_TOKEN"):
        await pipeline.run(until_idle=True)


def test_one_event_is_enriched_without_a_broker(claimx_sandbox):
    found = next(e for e in claimx_sandbox.happen(20) if e.event_type == "PROJECT_CREATED")
    given = {"eventId": "x", "eventType": found.event_type, "projectId": found.project_id}
    nowhere = {"broker.url": "kafka://127.0.0.1:1"}
    api = claimx_sandbox.simulator.api_url
    pipeline = Pipeline.load(
        settings={"claimx": {"api": {"base_url": api, "token": "demo-token"}}},
        environ={},
        overrides=nowhere,
    )
    for form in (given, operations.read_event(json.dumps(given).encode())):
        context = asyncio.run(pipeline.enrich(form))
        assert context.project["project_id"] == found.project_id
    with pytest.raises(DecodeError):
        asyncio.run(pipeline.enrich("nothing"))
    with pytest.raises(ClaimxError, match="no handler is for events WEATHER"):
        asyncio.run(pipeline.enrich({**given, "eventType": "WEATHER"}))


async def test_a_single_event_is_refused_where_several_are_meant(pipeline):
    with pytest.raises(UsageError, match="give a list of them"):
        await pipeline.publish(event(1))


def test_a_table_that_does_not_exist_is_named(pipeline):
    with pytest.raises(TableError, match="claimx_events"):
        pipeline.query("SELECT * FROM claimx_events")


def test_a_pipeline_is_shown_without_its_settings(tmp_path):
    pipeline = Pipeline.load(
        settings={"claimx": {"api": {"token": "s3cret"}}}, environ={}, cwd=tmp_path
    )
    for shown in (repr(pipeline), pipeline._repr_html_()):
        assert "sqlite:///" in shown
        assert "ingest, events" in shown
        assert "s3cret" not in shown


class Shouter(Plugin):
    """Publishes nothing."""

    name = "shouter"

    def execute(self, context):
        return PluginResult.skip(context.event_id)


def test_the_plugins_of_a_pipeline_are_shown(tmp_path):
    pipeline = Pipeline.load(settings={}, environ={}, cwd=tmp_path, plugins=[Shouter()])
    assert "shouter" in repr(pipeline)


def test_an_answer_is_shown_as_a_table_and_its_texts_are_escaped():
    answer = QueryAnswer(pa.table({"n": [1, 2], "text": ["<b>x</b>", None]}))
    assert repr(answer).splitlines()[-1] == "2 rows"
    assert repr(answer).splitlines()[2].split() == ["1", "<b>x</b>"]
    html = answer._repr_html_()
    assert "&lt;b&gt;x&lt;/b&gt;" in html
    assert "<b>" not in html
    assert html.count("text-align: right") == 3
    assert len(answer) == 2


def test_of_a_long_answer_the_first_rows_are_shown():
    answer = QueryAnswer(pa.table({"n": list(range(1000))}))
    assert repr(answer).splitlines()[-1] == "the first 20 of 1000 rows"
    assert answer._repr_html_().count("<tr>") == 21
    assert len(answer.to_pylist()) == len(answer.to_arrow()) == 1000


def test_other_libraries_take_an_answer_as_it_is():
    assert pa.table(QueryAnswer(pa.table({"n": [1]}))).to_pylist() == [{"n": 1}]


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_a_library_that_is_not_installed_is_named(library):
    code = (
        "import sys\n"
        "import pyarrow as pa\n"
        "from claimx_pipeline.operations import QueryAnswer\n"
        "answer = QueryAnswer(pa.table({'n': [1]}))\n"
        f"sys.modules[{library!r}] = None\n"
        f"answer.to_{library}()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    said = done.stderr.splitlines()[-1]
    assert f"to_{library}() needs {library}, which is not installed: pip install" in said


def test_a_report_adds_its_workers_up_and_is_shown():
    report = RunReport([WorkerRun("a", 3, retried=1), WorkerRun("b", 2, dead=2, waiting=4)], 1)
    assert (report.records, report.dead, report.waiting) == (5, 2, 5)
    assert repr(report).splitlines() == [
        "5 records",
        "  a: 2 done, 1 retried",
        "  b: 0 done, 2 dead, 4 waiting",
        f"  problem: {report.problems[0]}",
        "  problem: 4 records of worker b not committed yet",
        "  problem: 1 record in the retry topics",
    ]
    assert "2 dead letters of worker b" in report._repr_html_()
    assert [each.worker for each in report] == ["a", "b"]


def test_a_table_is_shown_with_its_columns(pipeline):
    html = pipeline.tables["claimx_projects"]._repr_html_()
    assert "claimx_projects: " in html
    assert "project_id" in html
    assert "string" in html


@pytest.mark.parametrize("value", [object(), {"a": object()}])
async def test_an_event_that_is_no_json_is_refused_before_anything_is_published(pipeline, value):
    await pipeline.create()
    with pytest.raises(UsageError, match="an event cannot be written as JSON"):
        await pipeline.publish([event(1), value])
    assert (await pipeline.run("events", until_idle=True)).records == 0


@pytest.mark.parametrize("events", [5, None])
async def test_what_is_no_list_of_events_is_refused(pipeline, events):
    with pytest.raises(UsageError, match="give a list of events"):
        await pipeline.publish(events)


@pytest.mark.parametrize("sql", [None, 5])
def test_a_query_is_text(pipeline, sql):
    with pytest.raises(UsageError, match="a query is text, and not"):
        pipeline.query(sql)
