from __future__ import annotations

import json

import pytest

from claimx_pipeline.connections.client import Connection
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings


@pytest.fixture
def vendor(tmp_path, clock):
    settings = ConnectionSettings(
        base_url=f"file://{tmp_path}/out",
        auth_type="bearer",
        auth_token=Secret("SECRET"),
        headers={"X-Extra": "1"},
    )
    return Connection("vendor", settings, clock)


async def test_a_request_becomes_a_file_and_is_answered_as_a_success(vendor, tmp_path):
    answer = await vendor.request(
        "POST",
        "/tasks",
        json={"n": 1},
        params={"a": 1},
        headers={"X-Own": "2"},
        idempotency_key="itel-7",
    )
    assert (answer.status, answer.json()) == (200, {"success": True, "test_mode": True})
    written = json.loads((tmp_path / "out" / "itel-7.json").read_text())
    assert written == {
        "method": "POST",
        "path": "/tasks",
        "params": {"a": 1},
        "headers": {
            "accept": "********",
            "accept-encoding": "********",
            "user-agent": "********",
            "x-extra": "********",
            "authorization": "********",
            "X-Own": "2",
        },
        "idempotency_key": "itel-7",
        "written_at": "2026-01-12T08:00:00Z",
        "body": {"n": 1},
    }


async def test_a_repetition_writes_the_same_file(vendor, tmp_path):
    for n in (1, 2):
        await vendor.request("POST", "/tasks", json={"n": n}, idempotency_key="itel/7")
    (file,) = (tmp_path / "out").iterdir()
    assert json.loads(file.read_text())["body"] == {"n": 2}


async def test_keys_that_look_alike_have_files_of_their_own(vendor, tmp_path):
    for key in ("a/1", "a-1", "a:1", "../a-1"):
        await vendor.request("POST", "/tasks", json={}, idempotency_key=key)
    assert len(list((tmp_path / "out").iterdir())) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


async def test_without_a_key_no_file_is_overwritten(vendor, tmp_path, clock):
    await vendor.request("GET", "/a/b")
    again = Connection("vendor", vendor.settings, clock)
    await again.request("GET", "/a/b")
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["000001-GET-a-b.json", "000002-GET-a-b.json"]


async def test_the_credential_is_not_written(vendor, tmp_path):
    await vendor.request("GET", "/a")
    (file,) = (tmp_path / "out").iterdir()
    assert "SECRET" not in file.read_text()
