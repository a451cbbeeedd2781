"""A whole pipeline whose metrics and health are served, as ``claimx-run up`` serves them."""

import asyncio
import contextlib
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from attrs import define
from prometheus_client.parser import text_string_to_metric_families

from claimx_pipeline.operations.watching import watching
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.telemetry.server import HealthServer
from tests.rigs.until import until
from tests.rigs.whole_pipeline import WholePipeline, whole_pipeline

LOOKS = {"health.lag_seconds": "0.5", "health.table_sizes_seconds": "1"}
"""Looks for tests that wait for what is seen."""


@define
class Monitored:
    """A running pipeline and what it says of itself."""

    whole: WholePipeline
    server: HealthServer

    async def get(self, path: str) -> tuple[int, str]:
        """Return status and body of the answer to *path*."""
        return await asyncio.to_thread(fetch, f"http://127.0.0.1:{self.server.port}{path}")

    async def health(self, path: str = "/health/ready") -> tuple[int, dict[str, Any]]:
        status, body = await self.get(path)
        return status, json.loads(body)

    async def samples(self) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        """Return every sample that is served now."""
        _, body = await self.get("/metrics")
        return {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(body)
            for sample in family.samples
        }

    async def value(self, name: str, **labels: str) -> float:
        """Return the sum of the samples of a name that have *labels*."""
        found = await self.samples()
        return sum(
            value for (of, has), value in found.items() if of == name and has >= set(labels.items())
        )

    async def until_value(self, holds, name: str, *, seconds: float = 30, **labels: str) -> None:
        """Wait until *holds* is true of that sum."""

        async def look() -> bool:
            return bool(holds(await self.value(name, **labels)))

        deadline = asyncio.get_running_loop().time() + seconds
        while not await look():
            assert asyncio.get_running_loop().time() < deadline, f"{name}{labels} never was so"
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def monitored(folder: Path, **given: Any) -> AsyncIterator[Monitored]:
    """Run a whole pipeline with its server; *given* is what ``whole_pipeline`` takes."""
    overrides = {**LOOKS, **(given.pop("overrides", None) or {})}
    async with whole_pipeline(folder, overrides=overrides, **given) as whole:
        metrics = whole.process.metrics
        metrics.watch(whole.health)
        server = HealthServer(HealthSettings(), whole.health, metrics)
        await server.start()
        admin = whole.pipeline.broker().admin()
        try:
            async with watching(whole.pipeline, whole.process, admin):
                whole.start()
                yield Monitored(whole, server)
        finally:
            await server.close()


def fetch(url: str) -> tuple[int, str]:
    """Return status and body of the answer to *url*."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


__all__ = ["Monitored", "fetch", "monitored", "until"]
