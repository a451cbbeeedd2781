"""A host that changes its mind at any request: what is stored is one version of the file."""

import gzip
import hashlib
import tempfile
from pathlib import Path

import pytest
from attrs import define, evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.errors import Category, RecordError, category_of
from tests.fakes.hasty_clock import HastyClock
from tests.fakes.http_service import Asked, Reply, http_service
from tests.rigs.media import JPEG, Brought, jpeg, media_rig

SIZE = 2_000_000
"""More than an answer of which nothing was asked brings before it is left."""
RANGES = {"range_threshold_bytes": 700_000, "range_bytes": 500_000}


def version(number: int, size: int = SIZE) -> bytes:
    """Return a file whose bytes all differ from those of other versions."""
    return (JPEG + bytes([65 + number]) * size)[:size]


VERSIONS = (version(0), version(1), version(2), version(3, SIZE + 70_000), version(4, 600_000))


@define
class Answer:
    """What a host does at one request; what it says of the version is true, or not said."""

    of: int = 0
    etag: str = "strong"
    """``strong``, ``weak``, ``machine`` (another at each request) or ``none``."""
    modified: bool = False
    ranges: str = "known"
    """``known``, ``ignored`` (200), ``unasked`` (206 also without a range), ``416``."""
    if_range: bool = True
    """Looks at ``If-Range``."""
    shift: tuple[int, int, int] = (0, 0, 0)
    """Added to first, last and total of ``Content-Range``."""
    more: int = 0
    """Bytes more, or fewer, than the part that the answer speaks of."""
    cut: int | None = None
    """Hangs up after so many bytes."""
    encoding: str = ""
    status: int = 200
    """Another than 200 is an error without a file."""
    seconds: float = 0.0

    def reply(self, asked: Asked, count: int) -> Reply:
        if self.status != 200:
            return Reply(b"unavailable", self.status)
        content = VERSIONS[self.of]
        tag = {
            "strong": f'"v{self.of}"',
            "weak": f'W/"v{self.of}"',
            "machine": f'"v{self.of}-{count}"',
            "none": "",
        }[self.etag]
        changed = f"Mon, 0{self.of + 1} Jun 2026 00:00:00 GMT" if self.modified else ""
        said = {"etag": tag, "last-modified": changed, "content-encoding": self.encoding}
        headers = {"content-type": "image/jpeg", "accept-ranges": "bytes"}
        headers |= {name: value for name, value in said.items() if value}
        wanted, condition = asked.headers.get("range"), asked.headers.get("if-range")
        if self.if_range and condition is not None and condition not in (tag, changed):
            wanted = None
        if self.ranges == "ignored" or (wanted is None and self.ranges != "unasked"):
            return self._sent(content, headers, 200)
        first, last = map(int, (wanted or "bytes=0-499999").removeprefix("bytes=").split("-"))
        last = min(last, len(content) - 1)
        if self.ranges == "416" or first > last:
            return Reply(b"", 416)
        part = content[first : last + 1 + self.more] + b"\x00" * max(0, self.more)
        shift = self.shift
        headers["content-range"] = (
            f"bytes {first + shift[0]}-{last + shift[1]}/{len(content) + shift[2]}"
        )
        return self._sent(part, headers, 206)

    def _sent(self, body: bytes, headers: dict[str, str], status: int) -> Reply:
        body = gzip.compress(body) if self.encoding else body
        reply = Reply(body, status, headers)
        if self.cut is not None and self.cut < len(body):
            reply.body, reply.close = body[: self.cut], True
            headers["content-length"] = str(len(body))
        return reply


@define
class Fetched:
    """What came of it."""

    content: bytes | None
    error: RecordError | None
    asked: list[Asked]


async def fetched(answers: list[Answer], **changes) -> Fetched:
    """Fetch from a host that gives *answers*, again and again, until that ends."""
    clock = HastyClock()

    def answer(asked: Asked) -> Reply:
        count = len(host.asked) - 1
        if count > 2_000:
            return Reply(b"asked for ever", 404)
        given = answers[count % len(answers)]
        clock.move(given.seconds)
        return given.reply(asked, count)

    with tempfile.TemporaryDirectory() as folder:
        async with (
            http_service(answer) as host,
            media_rig(Path(folder), host.url, clock=clock, **{**RANGES, **changes}) as rig,
        ):
            brought: Brought | None = None
            error = None
            while brought is None or not brought.kind:
                try:
                    brought = await rig.fetch(f"{host.url}/photo.jpg")
                except RecordError as raised:
                    error = raised
                    break
            whole = brought.content if brought and error is None else None
            if whole is not None:
                assert brought.checksum == hashlib.sha256(whole).hexdigest()
                assert rig.left() == []
            return Fetched(whole, error, host.asked)


def most_requests(retries: int) -> int:
    """Return how many requests the largest version may cost.

    Three times by ranges, each in steps of a sixteenth of a range with all tries for each,
    and once as a whole.
    """
    steps = 16 * -(-max(map(len, VERSIONS)) // RANGES["range_bytes"]) + 1
    return (3 * steps + 1) * (retries + 1)


honest = st.builds(
    Answer,
    of=st.integers(0, len(VERSIONS) - 1),
    etag=st.sampled_from(["strong", "weak", "machine", "none"]),
    modified=st.booleans(),
    ranges=st.sampled_from(["known", "known", "known", "ignored", "unasked", "416"]),
    if_range=st.booleans(),
    seconds=st.sampled_from([0.0, 0.0, 25.0, 70.0]),
)
faulty = st.builds(
    evolve,
    honest,
    shift=st.tuples(*[st.sampled_from([0, 0, 0, 1, -1])] * 3),
    more=st.sampled_from([0, 0, 1, -1, 30_000, -30_000]),
    cut=st.none() | st.integers(0, SIZE),
    encoding=st.sampled_from(["", "", "gzip"]),
    status=st.sampled_from([200, 200, 200, 503, 500]),
)


@pytest.mark.incident("STR-30")
@pytest.mark.incident("STR-31")
@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(honest | faulty, min_size=1, max_size=8), st.integers(0, 3))
async def test_the_stored_file_is_one_version_or_the_record_fails(answers, retries):
    found = await fetched(answers, max_retries=retries, breaker_failures=0)
    assert found.content is None or found.content in VERSIONS
    assert len(found.asked) <= most_requests(retries)


def asked_for(found: Fetched) -> list[str]:
    return ["part" if "range" in one.headers else "whole" for one in found.asked]


@pytest.mark.incident("STR-30")
@pytest.mark.parametrize("etag", ["strong", "machine", "weak"])
async def test_a_whole_file_instead_of_a_part_is_taken_and_no_part_is_asked_for_again(etag):
    found = await fetched([Answer(etag=etag, ranges="ignored")])
    assert found.content == VERSIONS[0]
    assert asked_for(found) == ["whole", "part"]


@pytest.mark.incident("STR-30")
async def test_each_machine_with_an_etag_of_its_own_costs_one_request_more():
    found = await fetched([Answer(etag="machine")])
    assert found.content == VERSIONS[0]
    assert asked_for(found) == ["whole", "part"]


@pytest.mark.incident("STR-30")
@pytest.mark.parametrize("cut", [1, SIZE // 2, SIZE - 60])
async def test_bytes_that_are_thrown_away_are_no_progress(cut):
    """Each whole answer breaks off: as many tries as for any other failure, then the ladder."""
    growing = [Answer(ranges="ignored", cut=min(cut + step, SIZE - 1)) for step in range(50)]
    found = await fetched(growing, max_retries=2)
    assert isinstance(found.error, RequestFailedError)
    assert category_of(found.error) is Category.TRANSIENT
    assert len(found.asked) <= 4


@pytest.mark.incident("STR-30")
async def test_a_byte_at_a_time_is_not_asked_for_without_end():
    """Each part breaks off after its first byte."""
    found = await fetched([Answer(), Answer(cut=1)], max_retries=2)
    assert found.content is None or len(found.asked) < 200


@pytest.mark.incident("STR-30")
async def test_new_links_that_work_for_a_few_bytes_are_not_asked_for_without_end(tmp_path):
    def answer(asked: Asked) -> Reply:
        if asked.path.startswith("/api"):
            link = f"{host.url}/{len(host.asked)}.jpg"
            return Reply({"data": [{"mediaID": 500001, "fullDownloadLink": link}]})
        if len([one for one in host.asked if one.path == asked.path]) > 1:
            return Reply(b"no", 403)
        return Answer(ranges="ignored", cut=10).reply(asked, 0)

    async with http_service(answer) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(RequestFailedError) as failed:
            await rig.fetch(f"{host.url}/0.jpg")
    assert category_of(failed.value) is Category.TRANSIENT
    assert len(host.asked) < 12


@pytest.mark.incident("STR-30")
async def test_a_turn_without_progress_counts_as_a_try(tmp_path):
    """A large file whose host stalls each time climbs the ladder instead of waiting for ever."""
    answers = [Answer(seconds=30), Answer(seconds=30), Answer(status=503, seconds=70)]
    found = await fetched([*answers, *answers[2:] * 60], slice_seconds=60.0, max_retries=2)
    assert isinstance(found.error, RequestFailedError)
    assert len(found.asked) < 8


UNLIKE = {
    "another ETag, If-Range ignored": (Answer(), Answer(of=1, if_range=False)),
    "another weak ETag": (Answer(etag="weak"), Answer(of=1, etag="weak")),
    "another Last-Modified": (
        Answer(etag="none", modified=True),
        Answer(of=1, etag="none", modified=True, if_range=False),
    ),
    "no validator any more": (Answer(), Answer(of=1, etag="none", if_range=False)),
    "another length": (Answer(etag="weak"), Answer(of=3, etag="weak")),
}


@pytest.mark.incident("STR-31")
@pytest.mark.parametrize("case", UNLIKE)
async def test_a_part_of_another_version_is_never_put_to_the_first(case):
    before, after = UNLIKE[case]
    found = await fetched([before, *[after] * 40])
    assert found.content == VERSIONS[after.of]
    assert asked_for(found)[:3] == ["whole", "part", "whole"]


@pytest.mark.incident("STR-31")
async def test_a_change_of_version_counts_as_a_try():
    found = await fetched([Answer(), Answer(of=1, if_range=False)], max_retries=0)
    assert "the file has changed" in str(found.error)
    assert category_of(found.error) is Category.TRANSIENT
    assert len(found.asked) == 2


@pytest.mark.incident("STR-31")
async def test_after_the_second_change_the_file_is_fetched_in_one_request():
    found = await fetched([Answer(if_range=False), Answer(of=1, if_range=False)])
    assert found.content == VERSIONS[0]
    assert asked_for(found) == ["whole", "part", "whole", "part", "whole"]


@pytest.mark.incident("STR-31")
async def test_changes_are_counted_over_the_turns_of_a_file():
    turn = {"if_range": False, "seconds": 70.0}
    found = await fetched([Answer(**turn), Answer(of=1, **turn)], slice_seconds=60.0)
    assert found.content in VERSIONS[:2]
    assert len(found.asked) <= 6


@pytest.mark.incident("STR-31")
async def test_a_file_that_nothing_tells_from_another_comes_in_one_request():
    found = await fetched([Answer(etag="none")])
    assert found.content == VERSIONS[0]
    assert asked_for(found) == ["whole"]


@pytest.mark.incident("STR-31")
@pytest.mark.parametrize(
    "wrong",
    [
        {"shift": (1, 0, 0)},
        {"shift": (-1, 0, 0)},
        {"shift": (0, 1, 0)},
        {"shift": (0, -1, 0)},
        {"shift": (0, 0, 1)},
        {"shift": (1, 1, 0)},
        {"more": 1},
        {"more": -1},
        {"encoding": "gzip"},
    ],
    ids=str,
)
async def test_a_part_that_does_not_fit_is_never_taken(wrong):
    found = await fetched([Answer(), *[Answer(**wrong)] * 40])
    assert found.content is None or found.content == VERSIONS[0]
    assert len(found.asked) <= 6


def test_versions_look_alike_at_their_beginning():
    assert {each[: len(JPEG)] for each in VERSIONS} == {jpeg(len(JPEG))}
