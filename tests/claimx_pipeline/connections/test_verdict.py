"""What counts as a yes, whatever a service answers."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claimx_pipeline import Category, SystemClock
from claimx_pipeline.claimx.project_actions import create_task, find_project
from claimx_pipeline.connections import Answer, Connection, JsonVerdict, RequestFailedError
from claimx_pipeline.connections.verdict import yes_or_no
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from tests.fakes.http_service import Reply, http_service

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def answer(body: bytes, status: int = 200) -> Answer:
    return Answer(status, {}, body, datetime(2026, 1, 12, tzinfo=UTC), "POST http://itel")


def judged(body: bytes, status: int = 200, verdict: JsonVerdict | None = None):
    return (verdict or JsonVerdict())(answer(body, status), None)


@pytest.mark.incident("STR-24")
@given(body=st.binary() | st.text().map(str.encode))
def test_bytes_that_are_no_object_are_never_a_yes(body):
    error = judged(body)
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        said = None
    if not isinstance(said, dict):
        assert error is not None
        assert error.category is Category.TRANSIENT


@pytest.mark.incident("STR-24")
@given(said=st.dictionaries(st.text(), VALUES), success=VALUES)
@example(said={}, success=False)
@example(said={}, success="false")
@example(said={}, success=True)
@example(said={"message": "no"}, success=None)
def test_an_object_is_a_yes_only_if_it_does_not_say_no(said, success):
    error = judged(msgspec.json.encode(said | {"success": success}))
    found = yes_or_no(success)
    if found is True:
        assert error is None
    else:
        expected = Category.PERMANENT if found is False else Category.TRANSIENT
        assert error is not None
        assert error.category is expected


@pytest.mark.parametrize("message", ["no claim", {"code": 7}, ["a", "b"], 7])
def test_the_reason_of_a_refusal_is_shown(message):
    error = judged(msgspec.json.encode({"success": False, "message": message}))
    assert error is not None
    assert msgspec.json.encode(message).decode().strip('"') in str(error)


async def test_a_page_in_place_of_an_answer_is_tried_again_and_counts_for_the_breaker():
    replies = [Reply(b"<html>"), Reply({"success": True})]
    async with http_service(lambda _: replies.pop(0)) as service:
        settings = ConnectionSettings(base_url=service.url, max_retries=1, backoff_seconds=0.01)
        connection = Connection("itel", settings, SystemClock())
        got = await connection.request(
            "POST", "/", json={}, idempotency_key="a", verdict=JsonVerdict()
        )
        assert got.json() == {"success": True}
        assert {each.headers["idempotency-key"] for each in service.asked} == {"a"}
        await connection.close()


async def test_a_refusal_in_a_success_is_not_tried_again_and_shows_no_credential():
    from claimx_pipeline.settings.secret import Secret

    async with http_service(lambda _: Reply({"success": False, "message": "bad s3cret-abc"})) as it:
        settings = ConnectionSettings(
            base_url=it.url, max_retries=2, auth_type="bearer", auth_token=Secret("s3cret-abc")
        )
        connection = Connection("itel", settings, SystemClock())
        with pytest.raises(RequestFailedError) as caught:
            await connection.request(
                "POST", "/", json={}, idempotency_key="a", verdict=JsonVerdict()
            )
        assert len(it.asked) == 1
        assert "s3cret" not in str(caught.value)
        assert caught.value.status == 200
        await connection.close()


async def test_nothing_was_sent_where_there_is_no_connection():
    connection = Connection(
        "itel", ConnectionSettings(base_url="http://127.0.0.1:1", max_retries=0), SystemClock()
    )
    with pytest.raises(RequestFailedError) as caught:
        await connection.request("POST", "/", json={})
    assert caught.value.unsent
    await connection.close()


@pytest.mark.parametrize("raw", [b"", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"])
async def test_a_lost_answer_is_none_of_a_request_that_was_not_sent(raw):
    async with http_service(lambda _: Reply(raw=raw)) as service:
        connection = Connection(
            "itel", ConnectionSettings(base_url=service.url, max_retries=0), SystemClock()
        )
        with pytest.raises(RequestFailedError) as caught:
            await connection.request("POST", "/", json={})
        assert not caught.value.unsent
        await connection.close()


@pytest.mark.incident("STR-24")
async def test_a_task_is_created_only_if_claimx_itself_says_so():
    async with http_service(lambda _: Reply(b"<html>Sign in</html>")) as service:
        connection = Connection(
            "claimx", ConnectionSettings(base_url=service.url, max_retries=0), SystemClock()
        )
        with pytest.raises(RequestFailedError) as caught:
            await create_task(
                connection,
                project_id=1,
                task_type="T",
                task_data={},
                use_primary_contact_as_sender=True,
                sender_username=None,
                idempotency_key="k",
            )
        assert caught.value.category is Category.TRANSIENT
        await connection.close()


@pytest.mark.incident("STR-26")
@pytest.mark.parametrize("found", [8800456, 8800456.0, "8800456", {"projectId": 8800456.0}])
async def test_the_project_of_a_claim_is_read_however_its_id_is_written(found):
    async with http_service(lambda _: Reply(found)) as service:
        connection = Connection("claimx", ConnectionSettings(base_url=service.url), SystemClock())
        assert await find_project(connection, "C-1") == 8800456
        await connection.close()
