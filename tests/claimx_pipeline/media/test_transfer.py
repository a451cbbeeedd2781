"""Status, size and content: what becomes of a file, by what its host answers."""

import gzip
import hashlib

import pytest

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.errors import Category, RecordError, category_of
from claimx_pipeline.media.content import FileRefusedError
from claimx_pipeline.media.links import DeadLinkError
from tests.fakes.hasty_clock import HastyClock
from tests.fakes.http_service import Asked, HttpService, Reply, http_service
from tests.rigs.media import jpeg, media_rig

PHOTO = jpeg(5_000)


def photo(body: bytes = PHOTO, **headers: str) -> Reply:
    return Reply(body, headers={"content-type": "image/jpeg", **headers})


def cut(body: bytes, said: int, **headers: str) -> Reply:
    """Promise *said* bytes, send *body*, hang up."""
    return Reply(
        body,
        headers={"content-type": "image/jpeg", "content-length": str(said), **headers},
        close=True,
    )


def ranged(content: bytes, asked: Asked, tag: str = '"v1"') -> Reply:
    """Answer as a host that knows ranges."""
    headers = {"content-type": "image/jpeg", "accept-ranges": "bytes", "etag": tag}
    if "range" not in asked.headers or asked.headers.get("if-range", tag) != tag:
        return Reply(content, headers=headers)
    first, last = (int(each) for each in asked.headers["range"].removeprefix("bytes=").split("-"))
    part = content[first : last + 1]
    headers["content-range"] = f"bytes {first}-{first + len(part) - 1}/{len(content)}"
    return Reply(part, 206, headers)


@pytest.mark.incident("MED-01")
async def test_a_small_file_takes_exactly_one_get(tmp_path):
    async with http_service(lambda _: photo()) as host, media_rig(tmp_path, host.url) as rig:
        brought = await rig.fetch(f"{host.url}/photo.jpg?sign=a%2Fb")
    assert brought.content == PHOTO
    assert brought.checksum == hashlib.sha256(PHOTO).hexdigest()
    assert [(one.method, one.target) for one in host.asked] == [("GET", "/photo.jpg?sign=a%2Fb")]
    assert rig.left() == []


@pytest.mark.parametrize(
    "target",
    [
        "/p.jpg?X-Amz-Credential=AK%2F2026%2Fus&X-Amz-Signature=a%2Bb%3D%3d",
        "/a%20b%28c%29.jpg?x=a+b&y=%7E~&empty=&flag",
        "/%E2%82%AC/it's!.jpg?e=:/?@",
        "//double/./dot/../p.jpg?x=1",
    ],
)
async def test_a_link_goes_out_byte_for_byte(tmp_path, target):
    async with http_service(lambda _: photo()) as host, media_rig(tmp_path, host.url) as rig:
        await rig.fetch(host.url + target)
    assert [one.target for one in host.asked] == [target]


@pytest.mark.incident("SEC-01")
async def test_no_credential_goes_to_a_media_host(tmp_path):
    async with http_service(lambda _: photo()) as host, media_rig(tmp_path, host.url) as rig:
        await rig.fetch(f"{host.url}/photo.jpg")
    assert not {"authorization", "cookie", "proxy-authorization"} & host.asked[0].headers.keys()


STATUSES = {
    400: (Category.PERMANENT, 1),
    404: (Category.PERMANENT, 1),
    405: (Category.PERMANENT, 1),
    410: (Category.PERMANENT, 1),
    422: (Category.PERMANENT, 1),
    408: (Category.TRANSIENT, 3),
    429: (Category.THROTTLED, 1),
    500: (Category.TRANSIENT, 3),
    502: (Category.TRANSIENT, 3),
    503: (Category.TRANSIENT, 3),
    504: (Category.TRANSIENT, 3),
    204: (Category.TRANSIENT, 3),
    304: (Category.TRANSIENT, 3),
}


@pytest.mark.incident("API-02")
@pytest.mark.parametrize("status", STATUSES)
async def test_a_status_says_whether_another_try_can_help(tmp_path, status):
    category, tries = STATUSES[status]
    answer = Reply(b"" if status in (204, 304) else b"no", status, close=True)
    async with http_service(lambda _: answer) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(RequestFailedError, match=f"answered {status}") as failed:
            await rig.fetch(f"{host.url}/photo.jpg?sign=secret")
    assert category_of(failed.value) is category
    assert len(host.asked) == tries
    assert "secret" not in str(failed.value)
    assert failed.value.outage is (category is Category.THROTTLED)


def media_answer(url: str) -> Reply:
    return Reply({"data": [{"mediaID": 500001, "fullDownloadLink": url}]})


@pytest.mark.incident("LAT-09")
@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_link_is_renewed_through_one_media_call(tmp_path, status):
    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/api"):
            return media_answer(f"{host.url}/new.jpg?sign=2")
        return photo() if asked.query["sign"] == ["2"] else Reply(b"no", status)

    async with http_service(answer) as host, media_rig(tmp_path, host.url) as rig:
        brought = await rig.fetch(f"{host.url}/old.jpg?sign=1")
    assert brought.content == PHOTO
    assert brought.link.link == f"{host.url}/new.jpg?sign=2"
    assert brought.link.renewals == 1
    assert host.paths() == ["GET /old.jpg", "GET /api/export/project/700100/media", "GET /new.jpg"]
    assert host.asked[1].query == {"mediaId": ["500001"]}
    assert "authorization" in host.asked[1].headers


async def test_a_link_that_is_refused_after_its_renewal_is_dead(tmp_path):
    def answer(asked: Asked) -> Reply:
        return (
            media_answer(f"{host.url}/new.jpg")
            if asked.path.startswith("/api")
            else Reply(b"no", 403)
        )

    async with http_service(answer) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(DeadLinkError, match="answered 403.*did not help") as dead:
            await rig.fetch(f"{host.url}/old.jpg")
    assert category_of(dead.value) is Category.PERMANENT
    assert len(host.asked) == 3


@pytest.mark.incident("API-03")
async def test_a_401_that_stays_is_an_outage_and_never_the_files_fault(tmp_path):
    def answer(asked: Asked) -> Reply:
        return (
            media_answer(f"{host.url}/new.jpg")
            if asked.path.startswith("/api")
            else Reply(b"no", 401)
        )

    async with http_service(answer) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(RequestFailedError) as failed:
            await rig.fetch(f"{host.url}/old.jpg")
    assert category_of(failed.value) is Category.AUTH
    assert failed.value.outage


@pytest.mark.parametrize(
    ("status", "category"),
    [
        (401, Category.AUTH),
        (503, Category.TRANSIENT),
        (404, Category.PERMANENT),
        (403, Category.PERMANENT),
    ],
)
async def test_an_api_that_gives_no_link_fails_as_the_api_does(tmp_path, status, category):
    def answer(asked: Asked) -> Reply:
        return Reply(b"no", status if asked.path.startswith("/api") else 403)

    async with http_service(answer) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(RequestFailedError, match="no new link for file 500001") as failed:
            await rig.fetch(f"{host.url}/old.jpg")
    assert category_of(failed.value) is category
    assert failed.value.connection == "claimx"
    assert len(host.asked) == 2


CONTENTS = {
    "no bytes": (photo(b""), "empty"),
    "no bytes, chunked": (
        Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
        "empty",
    ),
    "90 % of its length": (cut(PHOTO[:4500], 5000), "ClientPayloadError|ContentLength"),
    "chunked, cut": (
        Reply(raw=b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: image/jpeg\r\n\r\n400\r\n" + PHOTO[:600]),
        "ClientPayloadError|TransferEncoding",
    ),
    "an error sent as JSON": (Reply({"error": "no such file"}), "sent 'application/json' instead of 'image/jpeg'"),
    "an error sent as a page": (photo(b"<!DOCTYPE html><html>", **{"content-type": "text/html; charset=x"}), "'text/html'"),
    "a page called a photo": (photo(b"\n <HTML><body>sorry"), "sent a page.*sorry"),
    "another kind of file": (photo(b"%PDF-1.7 and so on"), "not a valid 'image/jpeg'; it begins with '%PDF"),
    "gzip, cut": (photo(gzip.compress(PHOTO)[:300], **{"content-encoding": "gzip"}), "broke off"),
    "gzip that is none": (photo(PHOTO, **{"content-encoding": "gzip"}), "cannot be read"),
    "an unknown encoding": (photo(PHOTO, **{"content-encoding": "br"}), "which was not requested"),
    "a range that was not requested": (Reply(PHOTO, 206, {"content-type": "image/jpeg"}), "another part"),
}  # fmt: skip


@pytest.mark.incident("MED-04")
@pytest.mark.parametrize("case", CONTENTS)
async def test_what_is_not_the_file_is_never_taken_for_it_and_tried_again(tmp_path, case):
    answer, message = CONTENTS[case]
    async with http_service(lambda _: answer) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(RecordError, match=f"(?s){message}") as failed:
            await rig.fetch(f"{host.url}/photo.jpg")
    assert category_of(failed.value) is Category.TRANSIENT
    assert not failed.value.outage
    assert len(host.asked) == 3
    assert rig.left() == []


async def test_what_passes_is_fetched_by_a_later_try(tmp_path):
    answers = [cut(PHOTO[:10], 5000), photo(b"<html>"), photo()]
    async with http_service(lambda _: answers.pop(0)) as host, media_rig(tmp_path, host.url) as rig:
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == PHOTO


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_packed_answer_is_unpacked(tmp_path, encoding):
    import zlib

    pack = {"gzip": gzip.compress, "deflate": zlib.compress}[encoding]
    reply = photo(pack(jpeg(3_000_000)), **{"content-encoding": encoding, "accept-ranges": "bytes"})
    async with http_service(lambda _: reply) as host, media_rig(tmp_path, host.url) as rig:
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == jpeg(3_000_000)
    assert host.asked[0].headers["accept-encoding"] == "identity"


async def test_a_body_without_a_length_is_taken_if_it_came_whole(tmp_path):
    body = b"%x\r\n%b\r\n0\r\n\r\n" % (len(PHOTO), PHOTO)
    raw = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-type: image/jpeg\r\n\r\n"
    async with (
        http_service(lambda _: Reply(raw=raw + body)) as host,
        media_rig(tmp_path, host.url) as rig,
    ):
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == PHOTO


@pytest.mark.parametrize("known", [True, False])
async def test_a_file_over_the_limit_is_refused_for_good(tmp_path, known):
    reply = (
        photo(jpeg(9_000))
        if known
        else photo(gzip.compress(jpeg(9_000)), **{"content-encoding": "gzip"})
    )
    async with (
        http_service(lambda _: reply) as host,
        media_rig(tmp_path, host.url, max_bytes=8_999) as rig,
    ):
        with pytest.raises(
            FileRefusedError, match="larger than 8999 bytes; raise media.max_bytes"
        ) as refused:
            await rig.fetch(f"{host.url}/photo.jpg")
    assert category_of(refused.value) is Category.PERMANENT
    assert len(host.asked) == 1


@pytest.mark.incident("MED-03")
async def test_a_file_that_keeps_coming_may_take_longer_than_any_read(tmp_path):
    reply = photo()
    reply.parts = 20
    settings = {"read_timeout_seconds": 1.5, "max_retries": 0}
    async with (
        http_service(lambda _: reply) as host,
        media_rig(tmp_path, host.url, **settings) as rig,
    ):
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == PHOTO


@pytest.mark.incident("MED-03")
async def test_half_a_file_and_then_nothing_fails_in_passing(tmp_path):
    async def stalls(asked: Asked) -> Reply:
        return Reply(PHOTO[:100], headers={"content-length": "5000", "content-type": "image/jpeg"})

    settings = {"read_timeout_seconds": 0.2, "max_retries": 0}
    async with http_service(stalls) as host, media_rig(tmp_path, host.url, **settings) as rig:
        with pytest.raises(RequestFailedError, match="Timeout") as failed:
            await rig.fetch(f"{host.url}/photo.jpg")
    assert category_of(failed.value) is Category.TRANSIENT


BIG = jpeg(5_000_000)
RANGES = {"range_threshold_bytes": 1_500_000, "range_bytes": 1_000_000}


@pytest.mark.incident("MED-01")
async def test_a_large_file_comes_by_ranges_and_its_size_from_the_first_get(tmp_path):
    async with (
        http_service(lambda asked: ranged(BIG, asked)) as host,
        media_rig(tmp_path, host.url, **RANGES) as rig,
    ):
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == BIG
    assert {one.method for one in host.asked} == {"GET"}
    parts = [one.headers.get("range") for one in host.asked]
    assert parts[0] is None
    assert len(parts) == 5
    assert all(one.headers["if-range"] == '"v1"' for one in host.asked[1:])
    assert rig.left() == []


@pytest.mark.incident("MED-03")
@pytest.mark.incident("LAT-10")
async def test_a_connection_lost_at_70_percent_costs_less_than_a_range(tmp_path):
    sent = 0

    def answer(asked: Asked) -> Reply:
        nonlocal sent
        reply = ranged(BIG, asked)
        if sent < 0.7 * len(BIG) <= sent + len(reply.body):
            whole = len(reply.body)
            reply.body = reply.body[: int(0.7 * len(BIG)) - sent]
            reply.headers["content-length"], reply.close = str(whole), True
        sent += len(reply.body)
        return reply

    settings = {**RANGES, "range_threshold_bytes": 10_000_000}  # in one go, until it breaks
    async with http_service(answer) as host, media_rig(tmp_path, host.url, **settings) as rig:
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == BIG
    # What was received and not yet taken when the connection broke is lost with it.
    assert sent < len(BIG) + RANGES["range_bytes"]


async def test_a_file_that_changes_on_the_way_is_fetched_again(tmp_path):
    other = jpeg(4_000_000)

    def answer(asked: Asked) -> Reply:
        return ranged(BIG, asked) if len(host.asked) < 3 else ranged(other, asked, '"v2"')

    async with http_service(answer) as host, media_rig(tmp_path, host.url, **RANGES) as rig:
        brought = await rig.fetch(f"{host.url}/photo.jpg")
    assert brought.content == other
    assert brought.checksum == hashlib.sha256(other).hexdigest()


async def test_a_file_that_shrinks_is_noticed_without_a_validator(tmp_path):
    def answer(asked: Asked) -> Reply:
        content = BIG if len(host.asked) < 3 else jpeg(1_600_000)
        reply = ranged(content, asked, "W/weak")
        if not reply.body:
            return Reply(b"", 416)
        return reply

    async with http_service(answer) as host, media_rig(tmp_path, host.url, **RANGES) as rig:
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == jpeg(1_600_000)
    assert not any("if-range" in one.headers for one in host.asked)


async def test_a_host_without_ranges_sends_large_files_whole(tmp_path):
    async with (
        http_service(lambda _: photo(BIG)) as host,
        media_rig(tmp_path, host.url, **RANGES) as rig,
    ):
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == BIG
    assert len(host.asked) == 1


async def test_a_large_file_gives_others_a_turn_and_goes_on_where_it_was(tmp_path):
    clock = HastyClock()

    def answer(asked: Asked) -> Reply:
        clock.move(25)
        return ranged(BIG, asked)

    settings = {**RANGES, "slice_seconds": 60.0}
    async with (
        http_service(answer) as host,
        media_rig(tmp_path, host.url, clock=clock, **settings) as rig,
    ):
        turns = 0
        while not (brought := await rig.fetch(f"{host.url}/photo.jpg")).kind:
            assert rig.left() == [".json", ".part"]
            turns += 1
    assert brought.content == BIG
    assert turns >= 1
    # A turn that ends within a range leaves the rest of it to the next.
    assert len(host.asked) <= 5 + turns


def starts(service: HttpService) -> list[int]:
    """Return where each requested range starts."""
    found = [one.headers.get("range", "bytes=0-") for one in service.asked]
    return [int(each.removeprefix("bytes=").partition("-")[0]) for each in found]


async def test_a_later_process_goes_on_with_what_was_kept(tmp_path):
    """The retry of a failed file, and the same task after a death, find the partial file."""
    broken = True

    def answer(asked: Asked) -> Reply:
        if broken and len(host.asked) > 3:
            return Reply(b"unavailable", 503)
        return ranged(BIG, asked)

    async with http_service(answer) as host:
        async with media_rig(tmp_path, host.url, **RANGES) as rig:
            with pytest.raises(RequestFailedError):
                await rig.fetch(f"{host.url}/photo.jpg")
            assert rig.left() == [".json", ".part"]
        broken, before = False, len(host.asked)
        async with media_rig(tmp_path, host.url, **RANGES) as rig:
            assert (await rig.fetch(f"{host.url}/photo.jpg")).content == BIG
            assert rig.left() == []
    assert starts(host)[before] >= 3_000_000


async def test_five_files_that_fail_in_a_row_are_the_hosts_failure(tmp_path):
    async with (
        http_service(lambda _: Reply(b"unavailable", 503)) as host,
        media_rig(tmp_path, host.url, max_retries=0) as rig,
    ):
        outages = []
        for number in range(6):
            with pytest.raises(RequestFailedError) as failed:
                await rig.fetch(f"{host.url}/{number}.jpg")
            outages.append(failed.value.outage)
    assert outages == [False] * 4 + [True] * 2
    assert category_of(failed.value) is Category.CIRCUIT_OPEN
    assert len(host.asked) == 5
