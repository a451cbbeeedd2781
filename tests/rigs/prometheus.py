"""A real Prometheus that scrapes a process of the test, with rules if there are any."""

import asyncio
import contextlib
import json
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from attrs import frozen

from tests.rigs.kafka_server import free_port


@frozen
class Prometheus:
    """A server of the test's own."""

    url: str

    async def query(self, expr: str) -> list[dict[str, Any]]:
        """Return what a query answers, as of now."""
        return (await self._get("/api/v1/query", query=expr))["result"]

    async def firing(self) -> set[str]:
        """Return the names of the alerts that fire now."""
        alerts = (await self._get("/api/v1/alerts"))["alerts"]
        return {each["labels"]["alertname"] for each in alerts if each["state"] == "firing"}

    async def rule_problems(self) -> list[str]:
        """Return what is wrong with rules, as they were evaluated last."""
        groups = (await self._get("/api/v1/rules"))["groups"]
        rules = [rule for group in groups for rule in group["rules"]]
        return [f"{rule['name']}: {rule['lastError']}" for rule in rules if rule.get("lastError")]

    async def _get(self, path: str, **query: str) -> Mapping[str, Any]:
        url = f"{self.url}{path}?{urllib.parse.urlencode(query)}"

        def ask() -> Any:
            with urllib.request.urlopen(url, timeout=20) as answer:
                return json.load(answer)["data"]

        return await asyncio.to_thread(ask)


@contextlib.asynccontextmanager
async def prometheus(
    folder: Path, targets: list[str], rules: Mapping[str, Any] | None = None
) -> AsyncIterator[Prometheus]:
    """Run a Prometheus that scrapes *targets* (``host:port``) every second."""
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("prometheus (Debian's package of that name) is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    config: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "scrape_configs": [{"job_name": "claimx", "static_configs": [{"targets": targets}]}],
    }
    if rules is not None:
        (folder / "rules.yaml").write_text(yaml.safe_dump(rules))
        config["rule_files"] = ["rules.yaml"]
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    port = free_port()
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            [
                program,
                f"--config.file={folder / 'prometheus.yaml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        server = Prometheus(f"http://127.0.0.1:{port}")
        await _answers(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        await asyncio.to_thread(process.wait, 20)


async def _answers(server: Prometheus, process: subprocess.Popen, log: Path) -> None:
    async with asyncio.timeout(60):
        while True:
            assert process.poll() is None, log.read_text()
            with contextlib.suppress(OSError):
                await server.query("1")
                return
            await asyncio.sleep(0.2)
