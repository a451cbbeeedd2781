"""OAuth2 client credentials: who hands out tokens and who takes them are real servers."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from urllib.parse import parse_qs

import pytest
from attrs import define, field

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.oauth2 import OAuth2Token
from claimx_pipeline.errors import Category, SettingsError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import OAuth2Settings
from tests.fakes.http_service import Reply, http_service

SECRET = "client-s3cret"


@define
class Tokens:
    """Hands out T1, T2, … and accepts every request with a token that is still valid."""

    life: object = 3600
    fails: Reply | None = None
    refuses: set[str] = field(factory=set)
    given: int = 0
    asked: list[dict] = field(factory=list)
    gate: asyncio.Event = field(factory=asyncio.Event)

    def __attrs_post_init__(self):
        self.gate.set()

    async def answer(self, asked):
        if asked.path != "/oauth2/token":
            sent = asked.headers["authorization"].removeprefix("Bearer ")
            return Reply({"you_sent": sent}, 401 if sent in self.refuses else 200)
        assert asked.headers["content-type"] == "application/x-www-form-urlencoded"
        assert "authorization" not in asked.headers
        assert "x-own" not in asked.headers
        self.asked.append(parse_qs(asked.body.decode()))
        await self.gate.wait()
        if self.fails:
            return self.fails
        self.given += 1
        said = {"access_token": f"T{self.given}", "token_type": "Bearer"}
        return Reply(said | ({} if self.life is None else {"expires_in": self.life}))


@pytest.fixture
def tokens():
    return Tokens()


@pytest.fixture
async def service(tokens):
    async with http_service(tokens.answer) as service:
        yield service


@pytest.fixture
def vendor(connect, service):
    def make(**settings):
        oauth2 = OAuth2Settings(
            client_id="me",
            client_secret=Secret(f"{SECRET}\n"),
            token_url=f"{service.url}/oauth2/token",
            scope="api/.default",
        )
        given = {"auth_type": "oauth2", "oauth2": oauth2, "headers": {"X-Own": "mine"}, **settings}
        return connect(service.url, **given)

    return make


def sent(service):
    """Return the tokens that the service itself was shown."""
    return [
        one.headers["authorization"].removeprefix("Bearer ")
        for one in service.asked
        if one.path == "/"
    ]


async def test_a_token_is_asked_for_with_the_credentials_and_serves_many_requests(
    vendor, tokens, service
):
    connection = vendor()
    for _ in range(3):
        await connection.request("GET", "/")
    assert sent(service) == ["T1"] * 3
    assert tokens.asked == [
        {
            "grant_type": ["client_credentials"],
            "client_id": ["me"],
            "client_secret": [SECRET],
            "scope": ["api/.default"],
        }
    ]


async def test_many_requests_at_once_ask_for_one_token(vendor, tokens, service):
    connection = vendor()
    await asyncio.gather(*(connection.request("GET", "/") for _ in range(20)))
    assert (tokens.given, sent(service)) == (1, ["T1"] * 20)


@pytest.mark.parametrize(
    ("life", "good", "early"),
    [(3600, 3299, 3301), ("3600", 3299, 3301), (None, 3299, 3301), (60, 29, 31), (-1, 3299, 3301)],
)
async def test_it_is_renewed_before_it_ends_beside_the_requests(
    vendor, tokens, service, clock, life, good, early
):
    tokens.life = life
    connection = vendor()
    await connection.request("GET", "/")
    clock.move(good)
    await connection.request("GET", "/")
    assert tokens.given == 1
    clock.move(early - good)
    tokens.gate.clear()
    for _ in range(3):
        await connection.request("GET", "/")
    tokens.gate.set()
    async with asyncio.timeout(30):
        while sent(service)[-1] != "T2":
            await connection.request("GET", "/")
    assert len(tokens.asked) == 2
    assert sent(service)[:5] == ["T1"] * 5


async def test_a_token_that_has_ended_is_never_sent(vendor, tokens, service, clock):
    connection = vendor()
    await connection.request("GET", "/")
    clock.move(3601)
    await asyncio.gather(*(connection.request("GET", "/") for _ in range(5)))
    assert sent(service) == ["T1"] + ["T2"] * 5
    assert tokens.given == 2


async def test_a_renewal_that_fails_leaves_the_token_that_is_still_good(
    vendor, tokens, service, clock, caplog
):
    connection = vendor(max_retries=0)
    await connection.request("GET", "/")
    tokens.fails = Reply({}, 503)
    clock.move(3400)
    async with asyncio.timeout(30):
        while "token in hand is used" not in caplog.text:
            await connection.request("GET", "/")
    for _ in range(5):
        await connection.request("GET", "/")
    assert len(tokens.asked) == 2
    tokens.fails = None
    clock.move(16)
    async with asyncio.timeout(30):
        while sent(service)[-1] != "T2":
            await connection.request("GET", "/")


async def test_a_401_forces_one_new_token_however_many_were_refused(vendor, tokens, service):
    connection = vendor()
    await connection.request("GET", "/")
    tokens.refuses.add("T1")
    await asyncio.gather(*(connection.request("POST", "/") for _ in range(10)))
    assert tokens.given == 2
    assert sent(service).count("T2") == 10


async def test_a_new_token_that_is_refused_too_is_an_outage_of_the_credential(
    vendor, tokens, service
):
    tokens.refuses |= {"T1", "T2", "T3"}
    with pytest.raises(RequestFailedError, match="answered 401") as caught:
        await vendor().request("GET", "/")
    assert caught.value.category is Category.AUTH
    assert caught.value.outage
    assert sent(service) == ["T1", "T2"]
    assert "T2" not in str(caught.value)
    assert "T1" not in str(caught.value)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply({"error": "invalid_client", "you_sent": SECRET}, 401), "invalid_client"),
        (Reply({"error": "invalid_scope", "echo": SECRET}, 400), "invalid_scope"),
        (Reply(SECRET.encode(), 503), "answered 503"),
        (Reply({"access_token": 7, "echo": SECRET}), "holds no 'access_token'"),
        (Reply({"access_token": "a\nb"}), "no header can carry"),
        (Reply({"access_token": ""}), "is empty"),
        (Reply(f"<html>{SECRET}".encode()), "holds no 'access_token'"),
        (Reply([SECRET]), "holds no 'access_token'"),
    ],
)
async def test_without_a_token_nothing_is_sent_and_the_reason_shows_no_secret(
    vendor, tokens, service, reply, said, caplog
):
    caplog.set_level(logging.DEBUG, "claimx_pipeline")
    tokens.fails = reply
    with pytest.raises(RequestFailedError, match=said) as caught:
        await vendor(max_retries=1).request("GET", "/")
    error = caught.value
    assert error.reason.startswith("connection 'vendor' gets no access token: ")
    assert (error.category, error.outage, error.answer) == (Category.AUTH, True, None)
    assert sent(service) == []
    assert SECRET not in f"{error!s}{error!r}{error.__cause__}{caplog.text}"


async def test_a_token_service_that_fails_once_is_asked_again(vendor, tokens, service, clock):
    connection = vendor(max_retries=1)
    tokens.fails = Reply({}, 503)
    waiting = asyncio.create_task(connection.request("GET", "/"))
    async with asyncio.timeout(30):
        while not tokens.asked:
            await asyncio.sleep(0)
    tokens.fails = None
    with contextlib.suppress(RequestFailedError):
        await waiting
    await connection.request("GET", "/")
    assert set(sent(service)) == {"T1"}


async def test_an_unavailable_token_service_is_an_outage_and_not_a_failure_of_the_record(
    vendor, tokens, service
):
    tokens.fails = Reply({}, 503)
    connection = vendor(max_retries=0, breaker_failures=2)
    for _ in range(4):
        with pytest.raises(RequestFailedError) as caught:
            await connection.request("GET", "/")
        assert (caught.value.category, caught.value.outage) == (Category.AUTH, True)
    assert len(tokens.asked) == 2, "the breaker of the token service opens"


async def test_closing_stops_a_renewal_under_way(vendor, tokens, clock):
    connection = vendor()
    await connection.request("GET", "/")
    tokens.gate.clear()
    clock.move(3400)
    await connection.request("GET", "/")
    await connection.close()
    await connection.close()
    tokens.gate.set()


async def test_written_to_files_no_token_is_asked_for(connect, tokens, service, tmp_path):
    oauth2 = OAuth2Settings(
        client_id="me", client_secret=Secret(SECRET), token_url=f"{service.url}/oauth2/token"
    )
    connection = connect(tmp_path.as_uri(), auth_type="oauth2", oauth2=oauth2)
    await connection.request("POST", "/x", json={"a": 1})
    (file,) = tmp_path.iterdir()
    assert SECRET not in file.read_text()
    assert tokens.asked == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"oauth2": None}, r"oauth2: is not set, but auth_type is 'oauth2'"),
        ({"auth_token": Secret("t")}, r"auth_token: .* write 'auth_token: null'"),
        ({"auth_token_file": "/f"}, r"auth_token_file: .* write 'auth_token_file: null'"),
    ],
)
def test_settings_that_cannot_work_are_refused(vendor, changes, said):
    with pytest.raises(SettingsError, match=said):
        vendor(**changes)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"token_url": "login.test/token"}, r"oauth2\.token_url: must start with"),
        ({"token_url": "https://a:SECRET@login.test/"}, r"oauth2\.token_url: must not hold"),
        ({"token_url": "https://login.test/?k=SECRET"}, r"oauth2\.token_url: must not hold"),
        ({"client_secret": Secret(" \n")}, r"oauth2\.client_secret: is empty"),
    ],
)
def test_credentials_that_cannot_work_are_refused_and_not_shown(connect, changes, said):
    given = {"client_id": "me", "client_secret": Secret("x"), "token_url": "https://a.test/t"}
    with pytest.raises(SettingsError, match=said) as caught:
        connect("https://a.test", auth_type="oauth2", oauth2=OAuth2Settings(**given | changes))
    assert "SECRET" not in str(caught.value)


async def test_the_secret_is_read_from_its_file_for_each_token(
    tmp_path, connect, tokens, service, clock
):
    file = tmp_path / "secret"
    file.write_text("one\n")
    oauth2 = OAuth2Settings(
        client_id="me", client_secret_file=str(file), token_url=f"{service.url}/oauth2/token"
    )
    connection = connect(service.url, auth_type="oauth2", oauth2=oauth2, max_retries=0)
    await connection.request("GET", "/")
    file.write_text("two\n")
    clock.move(3601)
    await connection.request("GET", "/")
    assert [form["client_secret"] for form in tokens.asked] == [["one"], ["two"]]
    tokens.fails = Reply({"you_sent": "two"}, 400)
    clock.move(3601)
    with pytest.raises(RequestFailedError) as refused:
        await connection.request("GET", "/")
    assert "two" not in str(refused.value)
    file.unlink()
    with pytest.raises(RequestFailedError, match="secret cannot be read") as missing:
        await connection.request("GET", "/")
    assert missing.value.outage


async def test_a_fresh_token_is_wanted_early_and_the_one_in_hand_serves_without(
    connect, tokens, service, clock
):
    oauth2 = OAuth2Settings(
        client_id="me", client_secret=Secret("s"), token_url=f"{service.url}/oauth2/token"
    )
    token = OAuth2Token("kafka", oauth2, connect(service.url, max_retries=0), clock)
    await token.fresh()
    clock.move(3301)
    await token.fresh()
    assert token.token == "T2"
    tokens.fails = Reply({}, 500)
    clock.move(3301)
    await token.fresh()
    assert token.token == "T2"
    clock.move(300)
    with pytest.raises(RequestFailedError, match="gets no access token"):
        await token.fresh()
