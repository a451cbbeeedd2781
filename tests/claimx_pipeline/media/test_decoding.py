"""A packed answer is unpacked to its very end, or refused."""

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.errors import Category, category_of
from claimx_pipeline.media.decoding import Decoder
from tests.fakes.http_service import Reply, http_service
from tests.rigs.media import jpeg, media_rig


def raw_deflate(content: bytes) -> bytes:
    packing = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packing.compress(content) + packing.flush()


def unpacked(encoding: str, body: bytes, pieces: int = 1) -> bytes | None:
    """Return what *body* holds; None if it is refused."""
    decoder = Decoder(encoding, "GET https://host/file", "host")
    size = max(1, -(-len(body) // pieces))
    found = b""
    try:
        for at in range(0, len(body), size):
            found += b"".join(decoder.add(body[at : at + size]))
    except RequestFailedError:
        return None
    return found if decoder.ended else None


contents = st.binary(max_size=300) | st.integers(0, 3_000_000).map(bytes)
members = st.lists(contents, min_size=1, max_size=4)
cuts = st.integers(1, 40)


@pytest.mark.incident("STR-32")
@given(members, cuts)
def test_every_member_is_the_file(parts, pieces):
    body = b"".join(map(gzip.compress, parts))
    assert unpacked("gzip", body, pieces) == b"".join(parts)


@pytest.mark.incident("STR-32")
@given(members, cuts, st.data())
def test_no_beginning_of_the_body_is_taken_for_the_file(parts, pieces, data):
    packed = [gzip.compress(part) for part in parts]
    body = b"".join(packed)
    ends = {sum(map(len, packed[:number])) for number in range(1, len(packed) + 1)}
    cut = data.draw(st.integers(0, len(body) - 1))
    found = unpacked("gzip", body[:cut], pieces)
    # At the end of a member nothing tells that another was to follow but the length of the body.
    assert (found is not None) is (cut in ends)


@pytest.mark.incident("STR-32")
@given(contents, st.binary(min_size=1, max_size=40), cuts, st.sampled_from(["gzip", "deflate"]))
def test_what_follows_the_end_is_refused(content, garbage, pieces, encoding):
    pack = gzip.compress if encoding == "gzip" else zlib.compress
    assert unpacked(encoding, pack(content) + garbage, pieces) is None


@pytest.mark.incident("STR-32")
@given(contents, cuts)
def test_deflate_means_zlib_with_or_without_its_header(content, pieces):
    assert unpacked("deflate", zlib.compress(content), pieces) == content
    assert unpacked("deflate", zlib.compress(content)[:-1], pieces) is None
    assert unpacked("deflate", raw_deflate(content), pieces) == content
    assert unpacked("deflate", raw_deflate(content)[:-1], pieces) is None


@pytest.mark.incident("STR-32")
@given(st.binary(max_size=200), cuts, st.sampled_from(["gzip", "x-gzip"]))
def test_what_is_not_gzip_is_refused(content, pieces, encoding):
    assert unpacked(encoding, b"no" + content, pieces) is None


PHOTO = jpeg(400_000)
HALVES = gzip.compress(PHOTO[:200_000]), gzip.compress(PHOTO[200_000:])
TAKEN = {
    "two members": ("gzip", b"".join(HALVES)),
    "an empty member in between": ("gzip", gzip.compress(b"").join(HALVES)),
    "deflate": ("deflate", zlib.compress(PHOTO)),
    "deflate without a header": ("deflate", raw_deflate(PHOTO)),
    "said twice, once in effect": ("identity, gzip", gzip.compress(PHOTO)),
}
REFUSED = {
    "the second member cut": ("gzip", HALVES[0] + HALVES[1][:-5]),
    "the second member damaged": ("gzip", HALVES[0] + HALVES[1][:-5] + b"\x00" * 5),
    "garbage behind": ("gzip", b"".join(HALVES) + b"garbage"),
    "one byte behind": ("gzip", b"".join(HALVES) + b"\x1f"),
    "garbage behind deflate": ("deflate", zlib.compress(PHOTO) + b"garbage"),
    "packed twice": ("gzip, gzip", gzip.compress(gzip.compress(PHOTO))),
}


def answer(encoding: str, body: bytes) -> Reply:
    return Reply(body, headers={"content-type": "image/jpeg", "content-encoding": encoding})


@pytest.mark.incident("STR-32")
@pytest.mark.parametrize("case", TAKEN)
async def test_a_packed_file_is_stored_whole(tmp_path, case):
    reply = answer(*TAKEN[case])
    async with http_service(lambda _: reply) as host, media_rig(tmp_path, host.url) as rig:
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == PHOTO


@pytest.mark.incident("STR-32")
@pytest.mark.parametrize("case", REFUSED)
async def test_a_packed_file_that_is_not_whole_is_refused(tmp_path, case):
    reply = answer(*REFUSED[case])
    async with http_service(lambda _: reply) as host, media_rig(tmp_path, host.url) as rig:
        with pytest.raises(RequestFailedError) as failed:
            await rig.fetch(f"{host.url}/photo.jpg")
    assert category_of(failed.value) is Category.TRANSIENT
    assert len(host.asked) == 3


@pytest.mark.incident("STR-32")
async def test_two_headers_say_it_together(tmp_path):
    """The first alone would say that nothing is packed."""
    body = gzip.compress(PHOTO)
    head = "HTTP/1.1 200 OK\r\ncontent-type: image/jpeg\r\ncontent-encoding: identity\r\n"
    head += f"content-encoding: gzip\r\ncontent-length: {len(body)}\r\n\r\n"
    reply = Reply(raw=head.encode() + body)
    async with http_service(lambda _: reply) as host, media_rig(tmp_path, host.url) as rig:
        assert (await rig.fetch(f"{host.url}/photo.jpg")).content == PHOTO
