from __future__ import annotations

import pytest

from claimx_pipeline.claimx.api import ClaimxApi, connection_settings
from claimx_pipeline.errors import Category, RecordError, SettingsError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.claimx import ApiSettings
from tests.fakes.claimx_answers import MEDIA, PROJECT, TASK, VIDEO
from tests.fakes.http_service import Reply, http_service


@pytest.fixture
def answering(clock):
    """Asks one question of an API that gives one answer."""

    async def ask(reply, method, *arguments, **settings):
        async with http_service(lambda _asked: reply) as service:
            given = {"token": Secret("dG9r"), "max_retries": 0, **settings}
            api = ClaimxApi(ApiSettings(base_url=f"{service.url}/rest/", **given), clock)
            try:
                return await getattr(api, method)(*arguments), service.asked
            finally:
                await api.close()

    return ask


@pytest.mark.incident("API-04")
async def test_each_question_is_asked_as_the_contract_says(answering):
    _, (asked,) = await answering(Reply({"data": PROJECT}), "project", 7)
    assert (asked.method, asked.target) == ("GET", "/rest/export/project/7")
    assert asked.headers["authorization"] == "Basic dG9r"
    assert asked.headers["accept"] == "application/json"
    _, (asked,) = await answering(Reply([]), "media", 7, [1, 2])
    assert (asked.method, asked.target) == ("GET", "/rest/export/project/7/media?mediaId=1,2")
    _, (asked,) = await answering(Reply([]), "media", 7, [])
    assert asked.target == "/rest/export/project/7/media"
    _, (asked,) = await answering(Reply(TASK), "task", 9)
    assert (asked.method, asked.target) == ("GET", "/rest/customTasks/assignment/9?full=true")
    _, (asked,) = await answering(Reply([]), "video", 7, sender_username="me")
    assert (asked.method, asked.target) == ("POST", "/rest/data")
    assert asked.json() == {
        "reportType": "VIDEO_COLLABORATION",
        "projectId": 7,
        "senderUsername": "me",
    }


async def test_a_bearer_token_may_be_asked_for(answering):
    _, (asked,) = await answering(Reply({"data": PROJECT}), "project", 7, auth="bearer")
    assert asked.headers["authorization"] == "Bearer dG9r"


@pytest.mark.parametrize(
    ("method", "arguments", "body", "found"),
    [
        ("project", (7,), {"data": PROJECT}, PROJECT),
        ("project", (7,), PROJECT, PROJECT),
        ("media", (7, [1]), [MEDIA], [MEDIA]),
        ("media", (7, [1]), {"data": [MEDIA]}, [MEDIA]),
        ("media", (7, [1]), {"media": [MEDIA]}, [MEDIA]),
        ("media", (7, [1]), MEDIA, [MEDIA]),
        ("media", (7, [1]), {"data": None}, []),
        ("media", (7, [1]), {}, []),
        ("task", (9,), TASK, TASK),
        ("task", (9,), {"data": TASK}, TASK),
        ("video", (7,), [VIDEO], [VIDEO]),
        ("video", (7,), {"data": [VIDEO]}, [VIDEO]),
        ("video", (7,), {"data": VIDEO}, [VIDEO]),
        ("video", (7,), {"collaborations": [VIDEO]}, [VIDEO]),
        ("video", (7,), {"videoCollaboration": VIDEO}, [VIDEO]),
        ("video", (7,), VIDEO, [VIDEO]),
        ("video", (7,), {"data": {}}, []),
        ("video", (7,), {"data": None}, []),
        ("video", (7,), [], []),
    ],
)
async def test_what_the_api_wraps_is_unwrapped(answering, clock, method, arguments, body, found):
    answer, _ = await answering(Reply(body), method, *arguments)
    assert answer.body == found
    assert answer.answered_at == clock.now()


@pytest.mark.parametrize(
    ("method", "arguments", "body"),
    [
        ("project", (7,), {}),
        ("project", (7,), []),
        ("project", (7,), {"data": None}),
        ("project", (7,), {"data": {"project": "x"}}),
        ("project", (7,), {"success": True, "test_mode": True}),
        ("media", (7, [1]), "x"),
        ("media", (7, [1]), {"error": "x"}),
        ("media", (7, [1]), {"data": {"a": 1}}),
        ("media", (7, [1]), [1]),
        ("task", (9,), {}),
        ("task", (9,), None),
        ("task", (9,), {"error": "x"}),
        ("video", (7,), 5),
        ("video", (7,), {"error": "x"}),
        ("video", (7,), ["x"]),
    ],
)
async def test_an_answer_of_another_shape_is_transient(answering, method, arguments, body):
    with pytest.raises(RecordError, match="the answer holds no") as caught:
        await answering(Reply(body), method, *arguments)
    assert caught.value.category is Category.TRANSIENT


QUESTIONS = [("project", (7,)), ("media", (7, [1])), ("task", (9,)), ("video", (7,))]


@pytest.mark.parametrize(("method", "arguments"), QUESTIONS)
async def test_html_instead_of_json_is_transient(answering, method, arguments):
    with pytest.raises(RecordError, match="the answer is not JSON") as caught:
        await answering(Reply(b"<html>"), method, *arguments)
    assert caught.value.category is Category.TRANSIENT


@pytest.mark.parametrize(("method", "arguments"), QUESTIONS)
@pytest.mark.parametrize(
    ("status", "category"),
    [
        (201, Category.TRANSIENT),
        (204, Category.TRANSIENT),
        (304, Category.TRANSIENT),
        (400, Category.PERMANENT),
        (401, Category.AUTH),
        (403, Category.PERMANENT),
        (404, Category.PERMANENT),
        (429, Category.THROTTLED),
        (500, Category.TRANSIENT),
        (501, Category.TRANSIENT),
    ],
)
@pytest.mark.incident("API-02")
async def test_an_answer_without_a_body_or_of_another_class_is_not_a_success(
    answering, method, arguments, status, category
):
    with pytest.raises(RecordError, match=f"answered {status}") as caught:
        await answering(Reply(b"", status), method, *arguments)
    assert caught.value.category is category


@pytest.mark.parametrize("status", [200, 201, 202, 203, 299])
async def test_any_2xx_with_what_was_asked_for_is_a_success(answering, status):
    answered, _ = await answering(Reply({"data": [{"mediaID": 1}]}, status), "media", 7, [1])
    assert answered.body == [{"mediaID": 1}]


async def test_the_parameter_that_names_files_is_a_setting(answering):
    _, (asked,) = await answering(Reply([]), "media", 7, [1, 2], media_parameter="mediaIds")
    assert asked.query == {"mediaIds": ["1,2"]}


@pytest.mark.parametrize(("method", "arguments"), QUESTIONS)
async def test_every_question_only_reads_and_is_asked_again(answering, method, arguments):
    with pytest.raises(RecordError, match="answered 503"):
        await answering(Reply(b"", 503, {"Retry-After": "0"}), method, *arguments, max_retries=2)


async def test_a_report_is_asked_for_again_after_a_passing_failure(clock):
    left = [Reply(b"", 503), Reply([VIDEO])]
    async with http_service(lambda _asked: left.pop(0)) as service:
        api = ClaimxApi(ApiSettings(base_url=service.url, token=Secret("dG9r")), clock)
        assert (await api.video(7)).body == [VIDEO]
        await api.close()


def test_every_setting_of_the_connection_reaches_it():
    given = {
        "max_concurrent": 7,
        "timeout_seconds": 8.0,
        "connect_timeout_seconds": 9.0,
        "max_retries": 1,
        "breaker_failures": 2,
        "breaker_open_seconds": 3.0,
        "probe": "/p",
    }
    api = ApiSettings(base_url="https://a.test", auth="bearer", token_file="f", **given)
    made = connection_settings(api)
    assert (made.base_url, made.auth_type) == ("https://a.test", "bearer")
    assert (made.auth_token, made.auth_token_file) == (None, "f")
    assert {name: getattr(made, name) for name in given} == given
    fixed = ApiSettings(base_url="https://a.test", token=Secret("x"))
    assert connection_settings(fixed).auth_token == Secret("x")


@pytest.mark.incident("API-03")
async def test_the_credential_may_stand_in_a_file_that_changes(clock, tmp_path):
    file = tmp_path / "token"
    file.write_text("b25l")

    def answer(asked):
        known = asked.headers["authorization"] == "Basic dHdv"
        return Reply([VIDEO]) if known else Reply(b"", 401)

    async with http_service(answer) as service:
        api = ClaimxApi(ApiSettings(base_url=service.url, token_file=str(file)), clock)
        file.write_text("dHdv")
        assert (await api.video(7)).body == [VIDEO]
        await api.close()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({}, r"claimx\.api\.base_url: is not set"),
        ({"base_url": "nowhere", "token": Secret("x")}, r"claimx\.api\.base_url: must start"),
        ({"base_url": "https://a.test"}, r"claimx\.api\.token: is empty"),
        (
            {"base_url": "https://a.test", "token": Secret("Basic x")},
            r"claimx\.api\.token: starts with 'basic'",
        ),
        (
            {"base_url": "https://a.test", "token_file": "/nowhere"},
            r"claimx\.api\.token_file: /nowhere: No such file",
        ),
        (
            {"base_url": "https://a.test", "token": Secret("x"), "probe": "https://b.test"},
            r"claimx\.api\.probe: must be a path",
        ),
    ],
)
def test_settings_that_cannot_work_are_named_as_the_user_knows_them(clock, settings, sentence):
    with pytest.raises(SettingsError, match=sentence):
        ClaimxApi(ApiSettings(**settings), clock)
