"""The Big List of Naughty Strings, as names of files, ids and owners."""

import asyncio
import hashlib
import json
import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from attrs import evolve

from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.media import CachedFile, DownloadTask, target_path
from claimx_pipeline.media.content import expected_type, extension_of
from claimx_pipeline.media.names import cache_folder, cache_path, safe_id, safe_name
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.paths import why_not
from claimx_pipeline.media.requests import checked
from claimx_pipeline.media.store import StorageError
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.rigs.file_records import cached_record, decode_download_task, task_record
from tests.rigs.files import FileRig

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)
FAR = datetime(2200, 1, 1, tzinfo=UTC)
TEMPLATE = "{project_id}/media/{media_id}/{file_name}"
SAFE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._~-]*")

TASK = DownloadTask(
    media_id="1",
    project_id="7001",
    event_id="e",
    download_url="https://files.example.com/x",
    blob_path="7001/media/1/photo.jpg",
    created_at=AT,
)


@pytest.fixture(scope="module")
def strings(public_data) -> list[str]:
    found = json.loads((public_data("blns") / "blns.json").read_text())
    assert len(found) > 400, "the list is not the one that is meant here"
    return list(dict.fromkeys(found))


def are_harmless(path: str) -> bool:
    return all(
        SAFE.fullmatch(name)
        and ".." not in name
        and PurePosixPath(name).name == PureWindowsPath(name).name == name
        for name in path.split("/")
    )


async def alone(content: bytes) -> AsyncIterator[bytes]:
    yield content


def test_any_name_and_any_id_give_a_path_that_every_store_takes(strings):
    for text in strings:
        for path in (
            target_path(TEMPLATE, "7001", "1", text),
            target_path(TEMPLATE, text, text, text),
            cache_folder(evolve(TASK, media_id=text or "x", owner=text or "x")),
        ):
            assert why_not(path) == "", path
            assert are_harmless(path), path
        assert safe_name(safe_name(text)) == safe_name(text)


def test_two_ids_never_share_a_path(strings):
    assert len({safe_id(text) for text in strings}) == len(strings)
    paths = {target_path(TEMPLATE, "7001", text, "photo.jpg") for text in strings}
    assert len(paths) == len(strings)
    folders = {cache_folder(evolve(TASK, media_id=text)) for text in strings if text}
    assert len(folders) == len([text for text in strings if text])


def test_a_type_is_found_or_the_file_is_refused(strings):
    for text in strings:
        extension_of(text, text)
        try:
            expected_type(text, f"https://files.example.com/{text}", text)
        except RecordError as refused:
            assert "are not fetched" in str(refused)  # noqa: PT017 - most are not refused


def test_a_task_comes_back_from_its_record(strings):
    for text in filter(None, strings):
        task = evolve(TASK, media_id=text, owner=text, file_name=text, owner_ref=text)
        assert decode_download_task(task_record(task).value) == task


async def test_what_is_asked_for_can_be_stored_and_the_rest_is_refused(strings, tmp_path):
    """As whole paths, which only a plugin chooses."""
    store = open_store(str(tmp_path / "files"), {})
    kept = {}
    for number, text in enumerate(strings):
        path, content = f"{number}/{text}", text.encode()
        task = evolve(TASK, owner="plugin", blob_path=path)
        if why_not(path):
            with pytest.raises(ValueError, match="is not a valid path of a file"):
                checked(task, "claimx")
            with pytest.raises(StorageError, match="is not a valid path of a file") as failed:
                await store.put(path, alone(content))
            assert failed.value.category is Category.PERMANENT
        else:
            assert checked(task, "claimx") is task
            await store.put(path, alone(content))
            kept[path] = content
    found = {}
    async for each in store.older_than(FAR):
        found[each.path] = b"".join([piece async for piece in store.pieces(each.path)])
    assert found == kept
    assert len(kept) > 200
    assert [path.name for path in tmp_path.iterdir()] == ["files"]
    for path in kept:
        await store.delete(path)
    assert list((tmp_path / "files").iterdir()) == []


async def test_every_file_goes_through_the_workers(strings, tmp_path):
    """Cache, upload and table: each file is stored under its own path, with a row."""
    rig = await FileRig.make(tmp_path)
    sent = []
    for number, text in enumerate(strings):
        content = f"{number}".encode()
        digest = hashlib.sha256(content).hexdigest()
        media_id = text or "empty"
        file = CachedFile(
            media_id=media_id,
            project_id="7001",
            event_id=media_id,
            download_url="https://files.example.com/x",
            blob_path=target_path(TEMPLATE, "7001", media_id, text),
            file_name=text,
            cache_path="x",
            bytes_downloaded=len(content),
            checksum=digest,
            content_type="image/jpeg",
            downloaded_at=AT,
        )
        file = evolve(file, cache_path=cache_path(file))
        await rig.cache.put(file.cache_path, alone(content))
        sent.append(file)
    await rig.publish(*map(cached_record, sent))
    await rig.work("upload", "results")
    assert [DeadLetter.read(each).error for each in await rig.dead()] == []
    stored = await rig.stored()
    assert {path: hashlib.sha256(content).hexdigest() for path, content in stored.items()} == {
        file.blob_path: file.checksum for file in sent
    }
    rows = {row["media_id"]: row for row in await asyncio.to_thread(rig.rows)}
    assert {key: (row["file_name"] or "", row["blob_path"]) for key, row in rows.items()} == {
        file.media_id: (file.file_name, file.blob_path) for file in sent
    }
    assert await rig.left_in_cache() == {}
