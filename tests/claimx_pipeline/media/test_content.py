"""One sample for every kind of file, and what is not taken for it."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.errors import Category, category_of
from claimx_pipeline.media.content import (
    FILE_TYPES,
    FileRefusedError,
    check_beginning,
    checked_type,
    expected_type,
    extension_of,
    type_of_extension,
)

OLE, ZIP = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(8), b"PK\x03\x04" + bytes(8)

SAMPLES = {
    "pdf": b"%PDF-1.7\n",
    "jpg": b"\xff\xd8\xff\xe0\x00\x10JFIF",
    "jpeg": b"\xff\xd8\xff\xe1\x00\x10Exif",
    "png": b"\x89PNG\r\n\x1a\n",
    "gif": b"GIF89a",
    "bmp": b"BM\x36\x00",
    "tif": b"II*\x00",
    "tiff": b"MM\x00*",
    "webp": b"RIFF\x10\x00\x00\x00WEBPVP8 ",
    "mov": b"\x00\x00\x00\x14ftypqt  ",
    "mp4": b"\x00\x00\x00\x18ftypmp42",
    "xml": b'\xef\xbb\xbf<?xml version="1.0"?>',
    "txt": b"notes",
    "csv": b"a;b\n1;2",
    "json": b'{"a": 1}',
    "html": b"<!DOCTYPE html><html>",
    "htm": b"<html>",
    "xls": OLE,
    "xlsx": ZIP,
    "doc": OLE,
    "docx": ZIP,
    "esx": b"\x01\x02\x03",
}

SERVED = {
    "pdf": "application/pdf",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "bmp": "image/bmp",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "webp": "image/webp",
    "mov": "video/quicktime",
    "mp4": "video/mp4",
    "xml": "text/xml; charset=utf-8",
    "txt": "text/plain",
    "csv": "text/csv",
    "json": "application/json",
    "html": "text/html",
    "htm": "text/html; charset=UTF-8",
    "xls": "application/vnd.ms-excel",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "doc": "application/msword",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "esx": "application/octet-stream",
}


def test_there_is_a_sample_for_every_extension():
    known = {extension for kind in FILE_TYPES for extension in kind.extensions}
    assert known == SAMPLES.keys() == SERVED.keys()


@pytest.mark.incident("LAT-17")
@pytest.mark.incident("MED-04")
@pytest.mark.parametrize("extension", SAMPLES)
@pytest.mark.parametrize("where", ["name", "NAME", "path", "query"])
@pytest.mark.parametrize(
    "served", ["as usual", "application/octet-stream", "binary/octet-stream", "", None]
)
def test_every_kind_is_taken_however_it_is_named_and_served(extension, where, served):
    file = f"photo 1.{extension}"
    name = {"name": file, "NAME": file.upper()}.get(where, "")
    link = {"path": f"https://h/x/{file}?s=1", "query": f"https://h/get?sign=x.exe&filename={file}"}
    kind = expected_type(name, link.get(where, "https://h/get?sign=1"))
    assert kind is type_of_extension(extension)
    content_type = SERVED[extension] if served == "as usual" else served
    assert checked_type(kind, content_type) is kind
    check_beginning(kind, SAMPLES[extension])


@pytest.mark.parametrize(
    ("name", "link", "expected"),
    [
        ("a.pdf", "https://h/b.jpg", "pdf"),
        ("a", "https://h/b.jpg?filename=c.png", "jpg"),
        ("a", "https://h/service/get?file=c.png", "png"),
        ("a", "https://h/service/get?name=C.PNG", "png"),
        ("a", "https://h/service/get?filename=c%2Epng", "png"),
        ("Photo 1.2", "https://h/x", None),
        ("v1.2024", "https://h/x", None),
        ("a.", "https://h/x.", None),
        ("a.b c", "https://h/x", None),
        ("a.extension", "https://h/x", None),
        ("name.pdf.exe", "https://h/b.pdf", "exe"),
        ("clip.3gp", "https://h/x", "3gp"),
        ("a.7z", "https://h/x", "7z"),
        ("a.jpg ", "https://h/x", "jpg"),
        ("a", "https://[broken", None),
    ],
)
def test_the_name_says_it_first_and_the_link_second(name, link, expected):
    assert extension_of(name, link) == expected


@given(st.text(), st.text())
def test_any_name_and_link_are_read_or_left(name, link):
    found = extension_of(name, link)
    assert found is None or (found.isalnum() and found == found.lower() and len(found) <= 6)


@pytest.mark.parametrize("extension", ["exe", "bat", "js", "svg", "zip", "heic", "php", "lnk"])
def test_other_kinds_are_refused_for_good(extension):
    with pytest.raises(
        FileRefusedError, match=f"files of type '{extension}' are not fetched"
    ) as no:
        expected_type(f"invoice.pdf.{extension}", "https://h/x.pdf", "pdf")
    assert category_of(no.value) is Category.PERMANENT


def test_without_an_extension_anywhere_claimx_or_the_server_say_what_it_is():
    assert expected_type("photo", "https://h/x", "JPG") is type_of_extension("jpg")
    assert expected_type("photo", "https://h/x", "strange") is None
    assert checked_type(None, "image/png") is type_of_extension("png")


@pytest.mark.parametrize(
    "served",
    [
        None,
        "",
        "text/html",
        "application/json",
        "text/plain",
        "image/svg+xml",
        "application/octet-stream",
    ],
)
def test_without_an_extension_a_page_is_not_a_file(served):
    with pytest.raises(FileRefusedError, match="neither name nor link") as refused:
        checked_type(None, served)
    assert category_of(refused.value) is Category.PERMANENT


@pytest.mark.incident("MED-04")
@pytest.mark.parametrize("extension", SAMPLES)
def test_an_error_sent_with_status_200_is_not_the_file(extension):
    kind = type_of_extension(extension)
    if not kind.may_be_page:
        with pytest.raises(FileRefusedError, match="'text/html' instead of") as refused:
            checked_type(kind, "text/html")
        assert category_of(refused.value) is Category.TRANSIENT
        with pytest.raises(FileRefusedError, match="sent a page instead of.*Sorry"):
            check_beginning(kind, b"\n<!DOCTYPE HTML><html><body>Sorry")
    with pytest.raises(FileRefusedError, match="is empty") as refused:
        check_beginning(kind, b"")
    assert category_of(refused.value) is Category.TRANSIENT


PICKY = ["pdf", "jpg", "png", "gif", "bmp", "tif", "webp", "mov", "mp4", "xlsx", "doc", "docx"]


@pytest.mark.incident("MED-04")
@pytest.mark.parametrize("extension", PICKY)
def test_a_file_that_begins_as_another_kind_is_not_taken(extension):
    kind = type_of_extension(extension)
    for other, head in SAMPLES.items():
        if other in kind.extensions or kind.looks(head):
            continue
        with pytest.raises(FileRefusedError):
            check_beginning(kind, head)


def test_a_refused_file_shows_how_it_begins_without_a_signature():
    head = b'{"error": "expired", "url": "https://h/x?sign=hunter2"}' + b"\xff" * 300
    with pytest.raises(FileRefusedError) as refused:
        check_beginning(type_of_extension("jpg"), head)
    assert "expired" in str(refused.value)
    assert "hunter2" not in str(refused.value)
    assert str(refused.value).isprintable()


def test_the_table_in_the_docs_is_the_one_in_the_code():
    page = Path(__file__).parents[3] / "docs" / "explanation" / "media.md"
    rows = [line.split("|")[1:3] for line in page.read_text().splitlines() if line.count("|") == 4]
    documented = {cells[0].strip(): re.findall(r"`([^`]+/[^`]+)`", cells[1]) for cells in rows}
    for kind in FILE_TYPES:
        assert tuple(documented[", ".join(kind.extensions)]) == kind.content_types
