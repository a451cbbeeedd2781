"""One contract for every store of files: a folder, memory, S3, Azure."""

import contextlib
import hashlib
import os
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import obstore
import pytest

from claimx_pipeline.errors import Category, SettingsError, category_of
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.pieces import PIECE_BYTES
from claimx_pipeline.media.store import FileStore, NoSuchFileError, StorageError
from claimx_pipeline.settings.secret import Secret
from tests.rigs.object_stores import Place, azure, azurite_script, s3, s3_place

LARGE_FILE_MIB = int(os.environ.get("LARGE_FILE_MIB", "64"))

AWKWARD = "claims/7001/é #?%20 & +/photo.jpg"


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Start a server when a test first needs it."""
    with contextlib.ExitStack() as stack:
        running: dict[str, Place] = {}

        def server(kind: str) -> Place:
            if kind not in running:
                if kind == "folder":
                    running[kind] = Place(str(tmp_path_factory.mktemp("files")), {})
                elif kind == "s3":
                    running[kind] = stack.enter_context(s3())
                else:
                    script = azurite_script()
                    if isinstance(script, str):
                        pytest.skip(script)
                    running[kind] = stack.enter_context(azure(script))
            return running[kind]

        yield server


@pytest.fixture(params=["folder", "memory", "s3", "azure"])
def store(request, servers) -> FileStore:
    if request.param == "memory":
        return open_store("memory://", {})
    return servers(request.param).open()


async def whole(store: FileStore, path: str) -> bytes:
    return b"".join([piece async for piece in store.pieces(path)])


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.mark.parametrize("size", [0, 1, 700, 2 * PIECE_BYTES + 17])
async def test_what_is_written_is_read_back(store, tmp_path, size):
    local = tmp_path / "local.bin"
    local.write_bytes(bytes(range(256)) * (size // 256 + 1))
    with local.open("r+b") as file:
        file.truncate(size)
    await store.put_file(AWKWARD, local, "image/jpeg")
    assert await whole(store, AWKWARD) == local.read_bytes()
    found = await store.stat(AWKWARD)
    assert (found.path, found.size) == (AWKWARD, size)
    assert abs(datetime.now(UTC) - found.modified) < timedelta(minutes=5)


@pytest.mark.parametrize("size", [0, 1, 700, 300_000])
async def test_a_small_file_is_written_and_read_whole(store, size):
    content = bytes(range(256)) * (size // 256 + 1)
    content = content[:size]
    await store.put_bytes(f"small/{size}/{AWKWARD}", content, "image/jpeg")
    assert await whole(store, f"small/{size}/{AWKWARD}") == content
    assert await store.content(f"small/{size}/{AWKWARD}", size) == content
    assert size == 0 or await store.content(f"small/{size}/{AWKWARD}", size - 1) is None


async def test_the_files_of_one_folder_are_listed(store):
    assert await store.in_folder("one/folder") == []
    for name in ("one/folder/a", "one/folder/b", "one/other"):
        await store.put_bytes(name, b"xy")
    found = await store.in_folder("one/folder")
    assert {(each.path, each.size) for each in found} == {("one/folder/a", 2), ("one/folder/b", 2)}
    assert all(abs(datetime.now(UTC) - each.modified) < timedelta(minutes=5) for each in found)


async def test_a_second_writing_replaces_the_first(store):
    await store.put("twice.txt", pieces(b"first"))
    await store.put("twice.txt", pieces(b"sec", b"ond"))
    assert await whole(store, "twice.txt") == b"second"
    await store.put_bytes("twice.txt", b"third")
    assert await whole(store, "twice.txt") == b"third"


async def test_a_missing_file_is_reported(store):
    assert await store.stat("nothing/here") is None
    with pytest.raises(NoSuchFileError, match="no file 'nothing/here'"):
        await whole(store, "nothing/here")
    with pytest.raises(NoSuchFileError, match="no file 'nothing/here'"):
        await store.content("nothing/here", 10)
    await store.delete("nothing/here")


async def test_a_file_is_removed(store):
    await store.put("removed.txt", pieces(b"x"))
    await store.delete("removed.txt")
    assert await store.stat("removed.txt") is None


@pytest.mark.parametrize("path", ["../out", "a/../../out", "a//b", "/a", "a#1", "ü" * 121])
async def test_a_path_that_not_every_store_takes_is_refused(store, path):
    for doing in (
        store.put(path, pieces(b"x")),
        store.put_bytes(path, b"x"),
        store.content(path, 10),
        store.stat(path),
        store.delete(path),
    ):
        with pytest.raises(StorageError) as raised:
            await doing
        assert raised.value.category is Category.PERMANENT


async def test_old_files_are_listed_by_age_and_folder(store):
    for path in ("aged/a", "aged/b/c", "other"):
        await store.put(path, pieces(b"x"))
    now = datetime.now(UTC)
    later, before = now + timedelta(minutes=10), now - timedelta(minutes=10)
    assert {each.path async for each in store.older_than(later, "aged")} == {"aged/a", "aged/b/c"}
    assert [each async for each in store.older_than(before)] == []


async def test_a_source_that_fails_leaves_the_file_that_was_there(store):
    await store.put("kept.bin", pieces(b"old"))

    async def broken() -> AsyncIterator[bytes]:
        yield b"n" * (PIECE_BYTES + 1)
        raise FileNotFoundError("the source is missing")

    for path in ("kept.bin", "never.bin"):
        with pytest.raises(FileNotFoundError, match="the source is missing"):
            await store.put(path, broken())
    assert await whole(store, "kept.bin") == b"old"
    assert await store.stat("never.bin") is None


WRITER = """
import asyncio, sys
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.pieces import PIECE_BYTES
from claimx_pipeline.settings.secret import Secret

async def slow():
    for _ in range(3):
        yield b"n" * PIECE_BYTES
    print("under way", flush=True)
    await asyncio.sleep(600)

options = dict(pair.split("=", 1) for pair in sys.argv[3:])
store = open_store(sys.argv[1], {name: Secret(value) for name, value in options.items()})
asyncio.run(store.put(sys.argv[2], slow()))
"""


@pytest.mark.parametrize("kind", ["folder", "s3", "azure"])
@pytest.mark.parametrize("before", [b"old", None])
async def test_a_writer_that_is_killed_leaves_the_old_file_or_none(servers, kind, before):
    server = servers(kind)
    store, path = server.open(), f"killed-{before is None}.bin"
    if before is not None:
        await store.put(path, pieces(before))
    given = [f"{name}={value}" for name, value in server.options.items()]
    command = [sys.executable, "-c", WRITER, server.root, path, *given]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert writer.stdout.readline() == "under way\n"
    writer.kill()
    writer.wait()
    writer.stdout.close()
    found = await store.stat(path)
    assert (found and await whole(store, path)) == before


@pytest.mark.parametrize("kind", ["s3", "azure"])
async def test_the_kind_of_content_is_kept_where_the_store_can(servers, kind):
    store = servers(kind).open()
    await store.put("typed.jpg", pieces(b"x"), "image/jpeg")
    found = await obstore.get_async(store.store, "typed.jpg")
    assert found.attributes["Content-Type"] == "image/jpeg"


async def test_an_unavailable_store_is_an_outage():
    options = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_ALLOW_HTTP": "true",
    }
    given = {name: Secret(value) for name, value in options.items()}
    store = open_store("s3://bucket", given)
    with pytest.raises(StorageError) as raised:
        await store.put("a", pieces(b"x"))
    assert raised.value.outage
    assert category_of(raised.value) is Category.TRANSIENT


async def test_a_bucket_that_is_not_there_is_an_outage(servers):
    options = servers("s3").secrets()
    missing = open_store("s3://missing", options)
    for doing in (missing.put("a", pieces(b"x")), missing.put_bytes("a", b"x")):
        with pytest.raises(StorageError, match="the store does not exist: s3://missing") as raised:
            await doing
        assert raised.value.outage


async def test_a_refused_credential_is_one_and_is_not_shown(servers):
    secrets = servers("azure").secrets()
    secrets["AZURE_STORAGE_ACCOUNT_KEY"] = Secret("Q2FuYXJ5S2V5")
    with pytest.raises(StorageError, match=r"access is refused; see storage\.options") as raised:
        await open_store("az://container", secrets).put("a", pieces(b"x"))
    assert raised.value.category is Category.AUTH
    assert "Q2FuYXJ5S2V5" not in str(raised.value)


@pytest.mark.incident("MED-05")
@pytest.mark.skipif(sys.platform != "linux", reason="takes a full device from Linux")
async def test_a_folder_that_cannot_be_written_is_an_outage(tmp_path):
    """A full disk, a disk that became read-only, a lost right: the files wait."""
    (tmp_path / "files").symlink_to("/proc/sys")  # no user can make a file there
    store = FileStore("/proc/sys", obstore.store.LocalStore("/proc/sys"))
    for doing in (store.put("a/b", pieces(b"x")), store.put_bytes("a/b", b"x")):
        with pytest.raises(StorageError) as raised:
            await doing
        assert raised.value.outage
        assert raised.value.category is Category.TRANSIENT


def test_onelake_is_opened_by_its_url():
    root = "abfss://workspace@onelake.dfs.fabric.microsoft.com/lake.Lakehouse/Files/claims"
    store = open_store(root, {"bearer_token": Secret("t")})
    assert store.root == root
    assert store.store.config["account_name"] == "onelake"
    assert store.store.prefix == "lake.Lakehouse/Files/claims"


def test_options_that_only_tables_know_are_left_out():
    options = {
        "AWS_REGION": Secret("us-east-1"),
        "AWS_S3_ALLOW_UNSAFE_RENAME": Secret("true"),
        "DELTA_DYNAMO_TABLE_NAME": Secret("locks"),
        "timeout": Secret("10s"),
    }
    assert open_store("s3://bucket", options).root == "s3://bucket"


@pytest.mark.parametrize(
    ("root", "options", "message"),
    [
        ("ftp://host/x", {}, "the scheme 'ftp' is unknown; known: abfs, abfss"),
        ("${PLACE}", {}, "is not resolved"),
        ("s3://bucket", {"AWS_SECRET_ACESS_KEY": Secret("x")}, "aws_secret_acess_key"),
        ("s3://bucket", {"allow_invalid_certificates": Secret("true")}, "root_certificate"),
    ],
)
@pytest.mark.incident("SEC-03")
def test_a_store_that_cannot_be_opened_is_refused(root, options, message):
    with pytest.raises(SettingsError, match=message):
        open_store(root, options)


MEMORY = """
import asyncio, sys
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.pieces import local_pieces
from claimx_pipeline.settings.secret import Secret
from pathlib import Path

options = dict(pair.split("=", 1) for pair in sys.argv[3:])
store = open_store(sys.argv[1], {name: Secret(value) for name, value in options.items()})
def memory(what):
    status = Path("/proc/self/status").read_text().split()
    return int(status[status.index(what) + 1]) // 1024

async def run():
    await store.put_file("large.bin", Path(sys.argv[2]))
    await store.close(SystemClock())

base = memory("VmRSS:")
asyncio.run(run())
print(memory("VmHWM:") - base, memory("VmHWM:"))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux how much memory was in use")
@pytest.mark.parametrize("kind", ["folder", "s3", "azure"])
async def test_a_large_file_does_not_pass_through_memory_as_a_whole(servers, kind, tmp_path):
    """64 MiB, or as many as ``LARGE_FILE_MIB`` says; the figure does not depend on it."""
    server = servers(kind)
    local = tmp_path / "large.bin"
    with local.open("wb") as file:
        for number in range(LARGE_FILE_MIB):
            file.write(bytes([number % 251]) * 1024 * 1024)
    given = [f"{name}={value}" for name, value in server.options.items()]
    command = [sys.executable, "-c", MEMORY, server.root, str(local), *given]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    more, altogether = map(int, done.stdout.split())
    print(
        f"{kind}: {LARGE_FILE_MIB} MiB written, {altogether} MiB of memory, {more} of it for that"
    )
    assert more < 100
    assert altogether < 150
    digest = hashlib.sha256()
    async for piece in server.open().pieces("large.bin"):
        digest.update(piece)
    with local.open("rb") as file:
        assert digest.hexdigest() == hashlib.file_digest(file, "sha256").hexdigest()


LEAVING = """
import asyncio, sys
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.settings.secret import Secret

async def pieces():
    for _ in range(8):
        yield b"n" * 5 * 1024 * 1024

async def run():
    await store.put("left.bin", pieces())
    await store.close(SystemClock())

options = dict(pair.split("=", 1) for pair in sys.argv[2:])
store = open_store(sys.argv[1], {name: Secret(value) for name, value in options.items()})
asyncio.run(run())
"""


@pytest.mark.incident("SHD-01")
def test_a_process_that_closes_its_store_ends_as_it_should(servers):
    server = servers("s3")
    given = [f"{name}={value}" for name, value in server.options.items()]
    command = [sys.executable, "-c", LEAVING, server.root, *given]
    for _ in range(4):
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.incident("STR-63")
async def test_a_store_that_does_not_answer_is_named_with_the_cause():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        unanswered = s3_place(port).open()
        with pytest.raises(StorageError) as caught:
            await unanswered.stat("a/b.jpg")
    assert caught.value.outage
    shown = str(caught.value)
    assert f"http://127.0.0.1:{port}/bucket/files/a/b.jpg" in shown
    assert shown.endswith("Connection refused")
    assert "\n" not in shown
