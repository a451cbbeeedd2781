"""Every page answers without a script, and shows what the operations know."""

import json

import pytest

from claimx_pipeline import operations
from tests.fakes.http_service import Reply, http_service
from tests.rigs.console import console
from tests.rigs.until import until

PAGES = (
    "/", "/workers", "/topics", "/topics/claimx.events.raw", "/dead-letters", "/trace",
    "/trace?id=E1", "/offsets", "/offsets/ingest/rewind", "/tables", "/tables/claimx_contacts",
    "/query", "/plugins", "/settings", "/dead-letters/replay",
)  # fmt: skip


@pytest.fixture
async def asked(tmp_path):
    async with console(tmp_path, allow_changes=True) as found:
        yield found


@pytest.fixture
async def with_dead_letters(asked):
    """A console of a pipeline in which a record that is not an event has died, in two groups."""
    await operations.publish(asked.pipeline, "claimx.events.raw", [{"eventType": 7}], keys=["a"])
    await operations.run_until_idle(asked.pipeline, "ingest", "events")
    return asked


async def test_every_page_is_whole_and_named(asked):
    for path in PAGES:
        text = await asked.page(path)
        assert text.rstrip().endswith("</html>"), path
        assert text.count("<h1>") == 1, path
        assert 'lang="en"' in text, path
        assert "<script>" not in text, path


async def test_the_overview_shows_the_lag_and_what_is_wrong(with_dead_letters):
    text = ""

    async def is_shown() -> bool:  # a page that is loaded again at once shows the same look
        nonlocal text
        text = await with_dead_letters.page("/")
        return "2 dead letters" in text

    await until(is_shown)
    assert 'href="/dead-letters"' in text
    assert 'class="flow"' in text


async def test_an_unknown_page_and_a_refused_request_say_so_in_one_sentence(asked):
    assert "There is no such page." in await asked.page("/nothing", 404)
    assert "there is no topic" in await asked.page("/topics/nothing", 400)
    assert "there is no table" in await asked.page("/query?sql=SELECT+1+FROM+nothing", 400)


async def test_records_are_searched_by_a_dotted_path_and_time(asked):
    raw = "/topics/claimx.events.raw"
    assert "1 record," in await asked.page(f"{raw}?where=projectId%3D700100&from=1h")
    assert "0 records," in await asked.page(f"{raw}?where=projectId%3D700101")
    assert "0 records," in await asked.page(f"{raw}?to=2020-01-01")


async def test_records_are_exported(asked):
    raw = "/topics/claimx.events.raw"
    (line,) = (await asked.page(f"{raw}?as=json")).splitlines()
    assert json.loads(line)["value"]["projectId"] == 700100
    head, row = (await asked.page(f"{raw}?as=csv")).splitlines()
    assert head == "partition,offset,time,key,value"
    assert "700100" in row


async def test_an_export_has_all_records_and_not_only_those_shown(asked):
    events = [{"eventId": f"N{n}", "eventType": "PROJECT_CREATED"} for n in range(70)]
    await operations.publish(asked.pipeline, "claimx.events.raw", events)
    raw = "/topics/claimx.events.raw"
    assert "50 records," in await asked.page(raw)
    assert len((await asked.page(f"{raw}?limit=50&as=json")).splitlines()) == 71
    assert "there is no topic" in await asked.page("/topics/nothing?as=json", 400)
    assert await asked.page(f"{raw}?from=1999-01-01&to=2000-01-01&as=json") == ""


async def test_a_query_answers_as_page_json_and_csv_and_is_drawn(asked):
    await operations.run_until_idle(asked.pipeline, "events")
    sql = "SELECT+event_type,+count(*)+AS+n+FROM+claimx_events+GROUP+BY+1"
    assert "PROJECT_CREATED" in await asked.page(f"/query?sql={sql}")
    assert await asked.page(f"/query?sql={sql}&as=csv") == "event_type,n\r\nPROJECT_CREATED,1\r\n"
    two = "SELECT+'a'+AS+x,+1+AS+n+UNION+ALL+SELECT+'b',+2"
    assert 'class="bars"' in await asked.page(f"/query?sql={two}")


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
async def test_an_export_is_no_formula_of_a_spreadsheet(asked, text):
    quoted = text.replace("'", "''").replace("+", "%2B").replace("\t", "%09")
    answer = await asked.page(f"/query?sql=SELECT+'{quoted}'+AS+x&as=csv")
    assert answer.splitlines()[1].lstrip('"').startswith("'")


async def test_a_replay_is_previewed_and_its_record_comes_again(with_dead_letters):
    asked = with_dead_letters
    listed = await asked.page("/dead-letters")
    assert "Preview a replay" in listed
    token = await asked.form_token("/dead-letters/replay")
    answer = await asked.client.post("/dead-letters/replay", data={"form_token": token})
    assert answer.status_code == 303
    assert "2 replayed" in await asked.page(answer.headers["location"])
    look = await operations.look_at_dead_letters(asked.pipeline)
    assert (look.groups.count, look.hidden) == (0, 2)


async def test_values_are_changed_in_a_preview_before_they_are_replayed(with_dead_letters):
    asked = with_dead_letters
    path = "/dead-letters/replay?transform=eventType%3DPROJECT_CREATED%0D%0AeventId%3DE2%0D%0AprojectId%3D7"
    shown = await asked.page(path)
    assert shown.index("&#34;eventType&#34;: 7") < shown.index(
        "&#34;eventType&#34;: &#34;PROJECT_CREATED&#34;"
    )
    token = await asked.form_token(path)
    changes = "eventType=PROJECT_CREATED\r\neventId=E2\r\nprojectId=7"
    answer = await asked.client.post(
        "/dead-letters/replay", data={"form_token": token, "transform": changes}
    )
    assert "2 replayed" in await asked.page(answer.headers["location"])
    await operations.run_until_idle(asked.pipeline, "ingest", "events")
    found = operations.query(asked.pipeline, "SELECT event_id FROM claimx_events ORDER BY 1")
    assert found.column(0).to_pylist() == ["E1", "E2"]
    assert "is not a valid change" in await asked.page("/dead-letters/replay?transform=x", 400)


async def test_offsets_are_moved_to_a_time(with_dead_letters):
    asked = with_dead_letters
    token = await asked.form_token("/offsets/ingest/rewind")
    data = {"form_token": token, "to": "2020-01-31T08:00", "confirm": "ingest"}
    assert (await asked.client.post("/offsets/ingest/rewind", data=data)).status_code == 303
    shown = await operations.show_offsets(asked.pipeline, "ingest")
    assert {each.committed for each in shown if each.log_end} == {0}
    refused = await asked.client.post("/offsets/ingest/rewind", data={**data, "to": "soon"})
    assert "not table, earliest, an offset or a time" in refused.text


async def test_a_worker_that_does_not_run_while_records_wait_is_wrong(asked):
    text = await asked.page("/")
    assert "ingest does not run" in text
    assert "1 record waits for it; start it" in text
    assert "results does not run" not in text


def prometheus(request):
    """Answer as Prometheus does: two workers, three points each."""
    found = [
        {"metric": {"worker": name}, "values": [[1, "0"], [61, "5"], [121, "2.5"]]}
        for name in ("ingest", "events")
    ]
    return Reply({"status": "success", "data": {"resultType": "matrix", "result": found}})


async def test_lines_of_the_last_hours_come_from_prometheus_where_one_is_set(tmp_path):
    async with (
        http_service(prometheus) as service,
        console(tmp_path, prometheus_url=service.url) as asked,
    ):
        text = await asked.page("/workers")
        assert "from Prometheus" in text
        assert 'points="0.0,58.0 150.0,4.0 300.0,31.0"' in text
        queries = {one.query["query"][0] for one in service.asked}
        assert len(queries) == 2


async def test_without_an_answer_of_prometheus_the_page_says_so_and_shows_its_own(tmp_path):
    async with console(tmp_path, prometheus_url="http://127.0.0.1:1") as asked:
        text = await asked.page("/workers")
    assert "Prometheus has not answered" in text
    assert "Lines since" in text


async def test_a_table_shows_its_versions(with_dead_letters):
    text = await with_dead_letters.page("/tables/claimx_events")
    assert text.index("Versions") < text.index("WRITE") < text.index("CREATE TABLE")


async def test_offsets_are_moved_behind_a_typed_confirmation(with_dead_letters):
    asked = with_dead_letters
    token = await asked.form_token("/offsets/ingest/rewind")
    data = {"form_token": token, "to": "earliest"}
    refused = await asked.client.post("/offsets/ingest/rewind", data=data)
    assert refused.status_code == 400
    assert "nothing was moved" in refused.text
    done = await asked.client.post("/offsets/ingest/rewind", data={**data, "confirm": "ingest"})
    assert done.status_code == 303
    shown = await operations.show_offsets(asked.pipeline, "ingest")
    assert {each.committed for each in shown if each.log_end} == {0}


async def test_settings_hide_credentials(asked):
    assert "broker.url" in await asked.page("/settings?find=broker.url")
    assert "claimx.api.token" in await asked.page("/settings?find=token")
