"""Ids, names and paths, with the values that they have to keep."""

import pytest
from xact_domain.events import XactEvent
from xact_domain.files import file_type, with_short_id
from xact_domain.ids import event_id, media_id, without_signature

EVENTS = "https://claimx-pipeline.example/xact/events"
MEDIA = "https://claimx-pipeline.example/xact/media"
TRACE = "9f0c2a51-7a0e-4c0f-9d68-1f2b3c4d5e6f"


def test_the_id_of_an_event_is_what_it_was():
    assert event_id(TRACE, EVENTS) == "8e41b273-39a6-53e4-a76a-a25dccf866e1"


def test_the_id_of_an_attachment_is_what_it_was_whatever_signs_its_link():
    for query in ("", "?X-Amz-Signature=1&X-Amz-Expires=60", "?Expires=5&Signature=ab"):
        found = media_id(TRACE, f"https://files.example.com/a/b.pdf{query}", MEDIA)
        assert found == "c3398744-0481-5430-a884-3d06b666eb47"


def test_another_file_behind_the_same_path_has_another_id():
    one, other = (f"https://files.example.com/get?part={part}&sig=s" for part in (1, 2))
    assert media_id(TRACE, one, MEDIA) != media_id(TRACE, other, MEDIA)


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://h.example/a?sig=1&x=2", "https://h.example/a?x=2"),
        ("https://h.example/a%20b?X-Amz-Date=1", "https://h.example/a%20b"),
        ("http://[broken?sig=1", "http://[broken"),
    ],
)
def test_a_signature_is_cut_from_a_link(link, expected):
    assert without_signature(link) == expected


@pytest.mark.parametrize(
    ("link", "expected"),
    [
        ("https://h.example/a.PdF?x=.exe", "PDF"),
        ("https://h.example/a", "UNKNOWN"),
        ("https://h.example/", "UNKNOWN"),
    ],
)
def test_the_type_of_a_file_is_its_extension(link, expected):
    assert file_type(link) == expected


def test_a_short_id_comes_before_the_extension():
    assert with_short_id("A_photo.jpg", "0123456789") == "A_photo_01234567.jpg"
    assert with_short_id("A_photo", "0123456789") == "A_photo_01234567"


def test_an_event_of_an_unknown_payload_has_no_data():
    event = XactEvent("e", "a.b", "t", None)
    assert (event.data, event.attachments, event.unreadable) == ({}, (), False)
