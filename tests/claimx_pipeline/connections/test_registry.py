from __future__ import annotations

import pytest

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from tests.fakes.http_service import Reply, http_service


async def test_one_name_is_one_connection(clock):
    connections = Connections({"a": ConnectionSettings(base_url="http://a.test")}, clock)
    assert connections.get("a") is connections.get("a")
    await connections.close()


def test_an_unknown_name_is_refused_with_those_that_are_known(clock):
    named = {name: ConnectionSettings(base_url="http://a.test") for name in ("b", "a")}
    with pytest.raises(SettingsError, match=r"connections\.c: is not set; known .*: a, b"):
        Connections(named, clock).get("c")


@pytest.mark.incident("API-05")
async def test_closing_closes_every_connection(clock):
    async with http_service(lambda _asked: Reply({})) as service:
        named = {name: ConnectionSettings(base_url=service.url) for name in ("a", "b")}
        connections = Connections(named, clock)
        opened = [connections.get(name) for name in named]
        for connection in opened:
            await connection.request("GET", "/")
        await connections.close()
        await connections.close()
        for connection in opened:
            with pytest.raises(RequestFailedError, match="is closed"):
                await connection.request("GET", "/")
