from __future__ import annotations

import asyncio
import logging
import os
from pathlib import Path

import pytest

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.token_file import TokenFile
from claimx_pipeline.errors import Category, SettingsError
from claimx_pipeline.settings.secret import Secret
from tests.fakes.http_service import Reply, http_service

OK = Reply({"ok": True})


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "token"
    path.write_text("FIRST\n")
    return path


@pytest.fixture
def reads(monkeypatch):
    """Every reading of a file, by its path."""
    made = []
    read = Path.read_bytes

    def noted(self):
        made.append(self)
        return read(self)

    monkeypatch.setattr(Path, "read_bytes", noted)
    return made


@pytest.fixture
def using(connect, file):
    def using(url, **settings):
        return connect(url, auth_type="bearer", auth_token_file=str(file), **settings)

    return using


def accepting(*tokens):
    def answer(asked):
        sent = asked.headers["authorization"].removeprefix("Bearer ")
        return OK if sent in tokens else Reply({"you_sent": sent}, 401)

    return answer


def sent(service):
    return [one.headers["authorization"].removeprefix("Bearer ") for one in service.asked]


@pytest.mark.incident("API-01")
@pytest.mark.parametrize("content", [b"abc", b"\xef\xbb\xbfabc", b"abc\r\n", b" abc \n\n"])
async def test_the_credential_is_what_the_file_holds_without_its_wrapping(using, file, content):
    file.write_bytes(content)
    async with http_service(accepting("abc")) as service:
        await using(service.url).request("GET", "/")


async def test_it_goes_into_the_header_of_its_kind(connect, file):
    async with http_service(lambda _asked: OK) as service:
        vendor = connect(
            service.url, auth_type="api_key", auth_header="X-Own", auth_token_file=str(file)
        )
        await vendor.request("GET", "/")
        await vendor.request("GET", "/", headers={"x-own": "mine"})
    assert [one.headers["x-own"] for one in service.asked] == ["FIRST", "mine"]


@pytest.mark.incident("API-01")
async def test_a_change_is_seen_before_the_old_credential_is_refused(using, file, clock, reads):
    async with http_service(accepting("FIRST", "SECOND")) as service:
        vendor = using(service.url)
        await vendor.request("GET", "/")
        file.write_text("SECOND")
        clock.move(1)
        for _ in range(10):
            await vendor.request("GET", "/")
            clock.move(1)
    assert sent(service) == ["FIRST"] + ["SECOND"] * 10
    assert len(reads) == 2


@pytest.mark.incident("API-01")
async def test_a_credential_that_is_replaced_while_requests_run_fails_none(using, file, reads):
    valid = {"FIRST"}

    async def answer(asked):
        await asyncio.sleep(0)
        return accepting(*valid)(asked)

    async with http_service(answer) as service:
        vendor = using(service.url)
        for round_ in range(5):
            token = f"TOKEN{round_}"
            half = file.with_suffix(".new")
            half.write_text(token)
            half.replace(file)
            valid.clear()
            valid.add(token)
            await asyncio.gather(*(vendor.request("POST", "/") for _ in range(50)))
    assert len(reads) == 6


@pytest.mark.incident("API-03")
async def test_calls_in_flight_are_sent_once_more_with_the_new_credential(using, file, clock):
    async with http_service(accepting("FIRST")) as service:
        vendor = using(service.url)
        await vendor.request("POST", "/a", json={})
        service.answer = accepting("SECOND")
        file.write_text("SECOND")
        await vendor.request("POST", "/b", json={})
        assert service.paths() == ["POST /a", "POST /b", "POST /b"]
    assert sent(service) == ["FIRST", "FIRST", "SECOND"]
    assert max(clock.slept) < 0.1


@pytest.mark.incident("LAT-11")
@pytest.mark.incident("API-03")
async def test_a_wrong_credential_is_an_outage_and_resumes_by_itself(using, file):
    async with http_service(accepting("RIGHT")) as service:
        vendor = using(service.url)
        for content, requests in (("FIRST", 1), ("WRONG", 3), ("WRONG", 4)):
            if file.read_text().strip() != content:
                file.write_text(content)
            with pytest.raises(RequestFailedError, match="check the credential") as caught:
                await vendor.request("GET", "/")
            assert (caught.value.category, caught.value.outage) == (Category.AUTH, True)
            assert len(service.asked) == requests
        file.write_text("RIGHT")
        await vendor.request("GET", "/")


@pytest.mark.incident("API-01")
@pytest.mark.parametrize("content", [b"", b"\r\n", b"a\nb", b"Bearer x", b"\xff\xfea\x00", None])
async def test_what_is_not_a_credential_leaves_the_last_one_and_is_reported_once(
    using, file, clock, caplog, content
):
    async with http_service(accepting("FIRST", "SECOND")) as service:
        vendor = using(service.url)
        if content is None:
            file.unlink()
        else:
            file.write_bytes(content)
        for _ in range(5):
            clock.move(1)
            await vendor.request("GET", "/")
        assert [record.levelno for record in caplog.records] == [logging.WARNING]
        assert "the last credential is kept" in caplog.text
        file.write_text("SECOND")
        clock.move(1)
        await vendor.request("GET", "/")
    assert sent(service) == ["FIRST"] * 5 + ["SECOND"]


async def test_a_file_that_is_being_written_is_left_until_it_is_whole(file, clock):
    token = TokenFile(file, "bearer", "vendor", clock)
    file.write_text("SEC")
    sleep = clock.sleep

    async def meanwhile(seconds):
        file.write_text("SECOND")
        clock.sleep = sleep

    clock.sleep = meanwhile
    assert not await token.renewed("FIRST")
    assert token.token == "FIRST"
    assert await token.renewed("FIRST")
    assert token.token == "SECOND"


async def test_a_link_that_is_turned_to_another_file_is_a_change(tmp_path, clock):
    """As Kubernetes renews its secrets; size and times may be the same."""
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
        os.utime(tmp_path / name, (1, 1))
    link = tmp_path / "token"
    link.symlink_to("one")
    token = TokenFile(link, "bearer", "vendor", clock)
    (tmp_path / "new").symlink_to("two")
    (tmp_path / "new").replace(link)
    assert await token.renewed("one")
    assert token.token == "two"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, r"auth_token_file: .*token: No such file"),
        ("", r"auth_token_file: .*token: is empty"),
        ("Bearer abc", r"auth_token_file: .*token: starts with 'bearer'"),
    ],
)
def test_a_file_without_a_credential_is_refused_at_the_start(using, file, content, sentence):
    file.unlink()
    if content is not None:
        file.write_text(content)
    with pytest.raises(SettingsError, match=rf"connections\.vendor\.{sentence}"):
        using("https://a.test")


def test_a_token_beside_a_token_file_is_refused(using):
    with pytest.raises(SettingsError, match=r"auth_token: is set beside auth_token_file"):
        using("https://a.test", auth_token=Secret("x"))


@pytest.mark.incident("SEC-01")
async def test_neither_the_credential_nor_the_one_before_is_ever_shown(using, file, caplog):
    caplog.set_level(logging.DEBUG)
    echo = Reply(b"not FIRST and not SECOND", 401)
    async with http_service(lambda _asked: echo) as service:
        vendor = using(service.url)
        file.write_text("SECOND")
        with pytest.raises(RequestFailedError) as caught:
            await vendor.request("GET", "/")
        assert sent(service) == ["FIRST", "SECOND"]
    shown = f"{caught.value!s} {caught.value!r} {vendor!r} {caplog.text} {vendor._renewed!r}"
    assert "not … and not …" in shown
    assert "FIRST" not in shown
    assert "SECOND" not in shown
