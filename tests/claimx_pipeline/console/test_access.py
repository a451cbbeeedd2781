"""Who gets in, what a forged request gets, what is hidden and what is written down."""

import logging
from urllib.parse import quote

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import operations
from claimx_pipeline.console.personal import HIDDEN, hide, is_personal
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.secret import Secret
from tests.claimx_pipeline.console.test_pages import PAGES
from tests.rigs.console import console

TOKEN = "a-long-random-token"
REPLAY = "/dead-letters/replay"


@pytest.fixture
async def open_console(tmp_path):
    async with console(tmp_path, allow_changes=True) as found:
        yield found


@pytest.fixture
async def locked(tmp_path):
    async with console(tmp_path, token=Secret(TOKEN)) as found:
        yield found


async def test_other_machines_need_a_token(tmp_path):
    with pytest.raises(SettingsError, match=r"console.token.*needed"):
        async with console(tmp_path, host="0.0.0.0"):
            pass


async def test_without_the_token_nothing_is_shown(locked):
    for path in ("/", "/topics/claimx.events.raw", "/settings", "/query?sql=SELECT+1"):
        answer = await locked.client.get(path)
        assert answer.status_code == 401
        page = await locked.client.get(path, headers={"accept": "text/html"})
        assert page.status_code == 303
        assert page.headers["location"].startswith("/login?to=")
    assert (await locked.client.post(REPLAY)).status_code == 401


async def test_a_wrong_token_gets_nothing_and_is_written_down(locked, caplog):
    answer = await locked.client.post("/login", data={"token": "wrong"})
    assert answer.status_code == 401
    wrong = {"authorization": "Bearer wrong"}
    assert (await locked.client.get("/", headers=wrong)).status_code == 401
    assert [r.levelname for r in caplog.records if "wrong token" in r.message] == ["WARNING"] * 2


async def test_who_has_no_token_gets_no_session(locked):
    answer = await locked.client.get("/login")
    assert answer.status_code == 200
    assert "set-cookie" not in answer.headers


async def test_the_token_opens_a_session_or_serves_a_program(locked):
    right = {"authorization": f"Bearer {TOKEN}"}
    assert (await locked.client.get("/topics", headers=right)).status_code == 200
    answer = await locked.client.post("/login", data={"token": TOKEN, "to": "/topics"})
    assert answer.headers["location"] == "/topics"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    await locked.page("/topics")
    await locked.client.post("/logout")
    assert (await locked.client.get("/topics")).status_code == 401


@pytest.mark.parametrize("target", ["//evil.example", "https://evil.example", "/\\evil.example"])
async def test_a_login_leads_to_no_other_site(locked, target):
    answer = await locked.client.post("/login", data={"token": TOKEN, "to": target})
    assert answer.headers["location"] == "/"


async def test_a_forged_form_gets_nothing(open_console):
    client = open_console.client
    assert (await client.post(REPLAY, data={})).status_code == 403
    await open_console.page("/")  # now there is a session
    assert (await client.post(REPLAY, data={"form_token": "0" * 64})).status_code == 403
    async with httpx.AsyncClient(base_url=open_console.url) as other:
        page = await other.get("/offsets/ingest/rewind", headers={"accept": "text/html"})
        token = page.text.partition('name="form_token" value="')[2].partition('"')[0]
    stolen = await client.post(REPLAY, data={"form_token": token})
    assert stolen.status_code == 403


async def test_a_foreign_origin_gets_nothing(open_console):
    token = await open_console.form_token("/offsets/ingest/rewind")
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        answer = await open_console.client.post(REPLAY, data={"form_token": token}, headers=headers)
        assert answer.status_code == 403
        assert "another site" in answer.text


async def test_a_name_that_only_leads_here_gets_nothing(open_console):
    answer = await open_console.client.get("/", headers={"host": "evil.example:8088"})
    assert answer.status_code == 421


async def test_a_console_that_only_reads_changes_nothing(tmp_path):
    async with console(tmp_path) as asked:
        page = await asked.page("/offsets/ingest/rewind")
        assert "--allow-changes" in page
        assert "form_token" not in page
        answer = await asked.client.post("/offsets/ingest/rewind", data={"to": "earliest"})
        assert answer.status_code == 403


async def test_every_answer_forbids_other_hosts_and_frames(locked):
    for path in ("/", "/login", "/static/console.css", "/nothing"):
        headers = (await locked.client.get(path)).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


async def test_no_credential_is_on_any_page(tmp_path):
    more = """
claimx: {api: {base_url: "https://mark-user:mark-password@api.example", token: mark-token}}
connections:
  vendor: {base_url: "https://vendor.example", auth_token: mark-vendor, headers: {x-api-key: mark-key}}
logging: {format: plain}
"""
    async with console(tmp_path, more, token=Secret("mark-console")) as asked:
        asked.client.headers["authorization"] = "Bearer mark-console"
        for path in (*PAGES, "/settings?find=mark", "/login"):
            text = await asked.page(path)
            assert "mark-" not in text, path
            assert "mark" not in text or path.endswith("find=mark"), path


async def test_personal_data_are_hidden_on_pages_and_exports(open_console):
    raw = "/topics/claimx.events.raw"
    for path in (raw, f"{raw}?as=json", f"{raw}?as=csv"):
        text = await open_console.page(path)
        for secret in ("Rosa", "rosa@", "555"):
            assert secret not in text, path
        assert "700100" in text
    assert "personal data" in await open_console.page(f"{raw}?where=contact.email~rosa", 400)


async def test_no_query_gets_a_person_out_of_a_record_that_a_table_keeps(open_console):
    await operations.run_until_idle(open_console.pipeline, "events")
    for sql in (
        "SELECT * FROM claimx_events",
        "SELECT substring(raw_data, 1, 400) AS x FROM claimx_events",
        "SELECT split_part(raw_data, 'insuredName', 2) AS x FROM claimx_events",
        "SELECT event_id FROM claimx_events WHERE raw_data LIKE '%Rosa%'",
    ):
        shown = await open_console.page(f"/query?sql={quote(sql)}")
        assert "Luna" not in shown, sql
        assert "0 rows" in shown or "LIKE" not in sql
    assert "Luna" not in await open_console.page("/tables/claimx_events")


def test_a_record_inside_a_text_is_hidden_too():
    hidden = hide({"raw": '{"insuredName": "Rosa Luna", "projectId": 7}', "broken": "{Rosa"})
    assert hidden == {"raw": '{"insuredName":"•••","projectId":7}', "broken": "{Rosa"}


async def test_what_is_shown_is_written_down(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    async with console(tmp_path, show_personal_data=True) as asked:
        assert "rosa@example.com" in await asked.page("/topics/claimx.events.raw")
    assert "personal data of 1 records of topic claimx.events.raw shown to 127.0.0.1" in caplog.text


@pytest.mark.parametrize(
    "name",
    ["email", "contactEmail", "insured_name", "firstName", "last_name", "phone_number", "name",
     "street", "zipCode", "policyNumber", "adjuster_name", "note", "answer", "Mobile-Phone"],
)  # fmt: skip
def test_a_persons_field_is_known_by_its_name(name):
    assert is_personal(name)


@pytest.mark.parametrize(
    "name", ["file_name", "task_name", "contact_type", "customer_id", "event_type", "project_id"]
)
def test_a_field_of_the_system_is_shown(name):
    assert not is_personal(name)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=20,
)


@given(JSON)
def test_nothing_inside_a_persons_field_is_left(value):
    def leaves(found):
        if isinstance(found, dict):
            return [leaf for inner in found.values() for leaf in leaves(inner)]
        if isinstance(found, list):
            return [leaf for inner in found for leaf in leaves(inner)]
        return [found]

    hidden = hide({"insured": value})["insured"]
    assert all(leaf in (None, "", True, False, HIDDEN) for leaf in leaves(hidden))
