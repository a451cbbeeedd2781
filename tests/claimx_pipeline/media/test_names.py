import re
from datetime import UTC, datetime
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claimx_pipeline.media.cache_folders import OTHER_DOMAINS
from claimx_pipeline.media.content import FILE_TYPES
from claimx_pipeline.media.messages import CachedFile, DownloadTask
from claimx_pipeline.media.names import cache_folder, cache_name, cache_path, safe_id, safe_name

SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,110}")
DEVICES = {"con", "prn", "aux", "nul", "com1", "lpt1"}

HOSTILE = {
    "../../etc/passwd": "passwd",
    "..": "file",
    ".": "file",
    "": "file",
    "   ": "file",
    "/": "file",
    "a/../../b.jpg": "b.jpg",
    "..\\..\\windows\\win.ini": "win.ini",
    "C:\\x\\photo.jpg": "photo.jpg",
    ".htaccess": "htaccess",
    "....//....//x.jpg": "x.jpg",
    "photo\x00.jpg": "photo_.jpg",
    "photo.jpg\n": "photo.jpg",
    "%2e%2e%2fphoto.jpg": "2e_2e_2fphoto.jpg",
    "con": "_con",
    "NUL.jpg": "_NUL.jpg",
    "lpt1.tar.gz": "_lpt1.tar.gz",
    "photo.jpg.": "photo.jpg",
    "photo.jpg ": "photo.jpg",
    "photo.jpg::$DATA": "photo.jpg_DATA",
    "a" * 300 + ".jpeg": "a" * 95 + ".jpeg",
    "Wasserschaden Küche é.jpg": "Wasserschaden_Kuche_e.jpg",
    "照片": "file",
    "照片.jpg": "jpg",
    "\u202egpj.exe": "gpj.exe",
    "a;rm -rf ~.jpg": "a_rm_-rf_.jpg",
    "<script>.jpg": "script_.jpg",
    "-rf.jpg": "rf.jpg",
    "a..b.jpg": "a.b.jpg",
}


@pytest.mark.incident("LAT-16")
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_becomes_a_harmless_one(name):
    assert safe_name(name) == HOSTILE[name]


def is_harmless(name: str) -> bool:
    return (
        SAFE.fullmatch(name) is not None
        and ".." not in name
        and not name.endswith(".")
        and name.partition(".")[0].lower() not in DEVICES
        and PurePosixPath(name).name == PureWindowsPath(name).name == name
    )


@pytest.mark.incident("LAT-16")
@given(
    st.text(st.characters(codec=None)) | st.from_regex(r"[./\\~:a-z0-9 ]{0,150}", fullmatch=True)
)
def test_any_name_is_harmless_and_stays_so(name):
    safe = safe_name(name)
    assert is_harmless(safe)
    assert safe_name(safe) == safe


FILE = DownloadTask(
    media_id="500001",
    project_id="7",
    owner="claimx",
    event_id="e",
    download_url="https://x/",
    blob_path="p",
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
)
words = st.text(min_size=1, max_size=40)


def task(owner: str, media_id: str, blob_path: str) -> DownloadTask:
    return DownloadTask(
        owner=owner,
        media_id=media_id,
        project_id="7",
        event_id="e",
        download_url="https://x/",
        blob_path=blob_path,
        created_at=FILE.created_at,
    )


@pytest.mark.incident("LAT-16")
@pytest.mark.incident("MED-07")
@given(st.tuples(words, words, words), st.tuples(words, words, words))
def test_two_files_never_share_a_folder_and_none_leaves_the_cache(one, other):
    folders = [cache_folder(task(*each)) for each in (one, other)]
    assert (folders[0] == folders[1]) is (one == other)
    for folder in folders:
        parts = folder.split("/")
        assert len(parts) == 3
        assert all(part not in ("", ".", "..") and "\\" not in part for part in parts)


@given(words, words)
def test_two_ids_never_become_the_same(one, other):
    assert (safe_id(one) == safe_id(other)) is (one == other)


@given(words)
@example(OTHER_DOMAINS)
@example("domains")
@example("con")
def test_no_owner_has_the_folder_below_which_other_domains_are(owner):
    assert safe_id(owner) != OTHER_DOMAINS


def test_an_id_that_is_safe_stays_readable():
    assert safe_id("500001") == "500001"
    assert cache_folder(FILE).startswith("claimx/500001/")


@pytest.mark.parametrize("kind", FILE_TYPES, ids=lambda kind: kind.extensions[0])
def test_the_name_in_the_cache_tells_checksum_and_kind(kind):
    """No two kinds are stored as the same content type, so that one tells the other."""
    assert cache_name("ab", kind.content_types[0]) == f"ab.{kind.extensions[0]}"


def test_the_message_of_a_file_leads_to_it():
    cached = CachedFile(
        media_id="5",
        project_id="7",
        owner="claimx",
        event_id="e",
        download_url="https://x/",
        blob_path="p",
        cache_path="x",
        bytes_downloaded=1,
        checksum="ab",
        content_type="image/jpeg",
        downloaded_at=FILE.created_at,
    )
    assert cache_path(cached) == f"claimx/5/{cached.identity}/ab.jpg"
