"""What ``demo`` does: a domain's outside world, broker, tables and workers, in one process."""

from __future__ import annotations

import asyncio
import importlib
import shutil
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
from attrs import define, field

from claimx_pipeline import operations
from claimx_pipeline.cli.demo_settings import DEMO_FILE, MARK, DemoSettings, as_json
from claimx_pipeline.cli.garbage import rarely
from claimx_pipeline.cli.live import live
from claimx_pipeline.delta.querying.queries import NamedQuery
from claimx_pipeline.domain.demonstration import Demonstration, Extensible, Wave
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note
from claimx_pipeline.operations import Running
from claimx_pipeline.operations.names import one_domain
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.telemetry.log import configure

SETTINGS = """\
{mark} The services it names ran inside the demo and have
# stopped with it; the tables stay. 'claimx-run init' writes a file for real use.
broker:
  url: {broker}
  prefix: {prefix}
tables:
  root: {tables}
storage:
  files:
    root: {files}
  cache:
    root: {cache}
media:
  development_hosts: {hosts}
  work_dir: {partial}
plugins: {plugins}
health:
  port: 0
logging:
  level: WARNING
"""


@define
class Demo:
    """One run of the demo."""

    domain: str
    events: int
    seed: int
    data_dir: Path
    own: DemoSettings
    broker_url: str | None = None
    _prefix: str = field(default="", init=False)
    _pipeline: Pipeline = field(init=False)
    _played: Demonstration = field(init=False)

    def prepare(self, *, again: bool) -> None:
        """Make room for the data.

        Raises:
            UsageError: The folder holds something that may not be replaced.
        """
        folder = self.data_dir
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not again:
                raise UsageError(
                    f"{folder} is not empty; choose another --data-dir, or --again to replace "
                    "what an earlier demo left there"
                )
            if not (folder / DEMO_FILE).is_file() or not _is_ours(folder / DEMO_FILE):
                raise UsageError(
                    f"{folder} was not made by a demo and is left alone; choose another --data-dir"
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.broker_url:
            self._prefix = f"demo-{uuid.uuid4().hex[:8]}."

    async def run(self) -> dict[str, Any]:
        """Let the events happen and return what came of them.

        Raises:
            UsageError: There is no such domain, or it has no demonstration.
        """
        began = time.monotonic()
        configure(LoggingSettings(level="WARNING", format="plain"))
        bare = self.own.bare()
        shown = demonstration_of(bare, self.domain)(self.seed, self.events)
        if isinstance(shown, Extensible):
            shown.extend(bare.plugins)
        async with shown as played:
            self._played = played
            pipeline = self._pipeline = self._load(bare)
            await operations.create_all(pipeline)
            await self._work(pipeline)
            topics = await self._topics(pipeline)
            facts = played.facts()
        tables = {
            name: await asyncio.to_thread(self._rows, name)
            for name in pipeline.tables
            if name not in self._of_others(pipeline)
        }
        dead = sum(count for name, count in topics.items() if name.endswith((".dlq", ".errors")))
        return {
            "events": self.events,
            "tables": tables,
            "topics": topics,
            "dlq": dead,
            "files": await asyncio.to_thread(_files, self.data_dir / "files"),
            **facts,
            "seconds": round(time.monotonic() - began, 1),
        }

    def summary(self, result: Mapping[str, Any]) -> Sequence[str]:
        """Return what the domain says about *result*."""
        return self._played.summary(result)

    def left_topics(self) -> str:
        """Return what the topics begin with that stay on a broker of the user's; else empty."""
        return self._prefix

    def answers(self) -> list[tuple[NamedQuery, pa.Table]]:
        """Return the queries that the domain shows, each with its answer."""
        pipeline = self._pipeline
        return [
            (pipeline.queries[name], operations.named_query(pipeline, name))
            for name in self._played.queries()
        ]

    def _load(self, bare: Pipeline) -> Pipeline:
        """Write the demo's settings and read them as any settings are read.

        The environment is left out, but for what a file of the user's asks for: the demo never
        calls a real service by itself. Plugins that are not for its domain take no part.
        """
        folder = self.data_dir.resolve()
        strangers = self._strangers(bare)
        plugins: dict[str, Any] = {name: {"enabled": False} for name in strangers}
        plugins["dir"] = self.own.plugins_dir(bare)
        text = SETTINGS.format(
            mark=MARK,
            broker=as_json(self.broker_url or f"sqlite:///{folder / 'broker.db'}"),
            prefix=as_json(self._prefix),
            tables=as_json(str(folder / "tables")),
            files=as_json(str(folder / "files")),
            cache=as_json(str(folder / "cache")),
            hosts=as_json(self._played.hosts()),
            partial=as_json(str(folder / "partial")),
            plugins=as_json(plugins),
        )
        return self.own.load(text + self._played.settings(), bare)

    def _strangers(self, bare: Pipeline) -> list[str]:
        """Return the plugins that hear of other domains only."""
        return [
            name
            for name, plugin in bare.plugins.infos.items()
            if plugin.domains is not None and self.domain not in plugin.domains
        ]

    async def _topics(self, pipeline: Pipeline) -> dict[str, int]:
        """Return how many records each topic has, without those of other domains."""
        listed = await operations.list_topics(pipeline)
        run = self._workers(pipeline)
        # The topics of a worker that serves others are theirs.
        own, every = (
            {topic.name for each in workers if each.serves is None for topic in each.topics().all()}
            for workers in (run, pipeline.workers.values())
        )
        return {each.name: each.records or 0 for each in listed if each.name not in every - own}

    def _workers(self, pipeline: Pipeline) -> list[WorkerSpec]:
        """Return the workers of the domain, and those that are of no other domain."""
        others = pipeline.domains.keys() - {self.domain}
        return [
            worker
            for worker in pipeline.workers.values()
            if self.domain in worker.sets or not worker.sets & others
        ]

    def _of_others(self, pipeline: Pipeline) -> set[str]:
        """Return the names of tables of other domains."""
        others = [each for name, each in pipeline.domains.items() if name != self.domain]
        return {table.name for domain in others for table in domain.all_tables()}

    async def _work(self, pipeline: Pipeline) -> None:
        """Run all workers while the events are published part by part."""
        names = [worker.name for worker in self._workers(pipeline)]
        note(f"running {len(names)} workers in this process")
        async with operations.running(pipeline, *names, signals=True) as run, rarely(run):
            for wave in self._played.waves():
                await self._wave(pipeline, wave, run)
                if run.stopping:
                    break

    async def _wave(self, pipeline: Pipeline, wave: Wave, run: Running) -> None:
        """Let one part of the events happen and wait until all of it is in the tables."""
        topic = pipeline.domains[self.domain].topics.events_raw.name
        await operations.publish(pipeline, topic, wave.events, keys=wave.keys)
        note(f"{wave.title}: {len(wave.events)} events published")
        async with live(run, pipeline.clock):
            await run.until_idle()

    def _rows(self, table: str) -> int:
        counted = operations.query(self._pipeline, f"SELECT count(*) AS n FROM {table}")  # noqa: S608 - a declared name
        return int(counted.column("n")[0].as_py())


def demonstration_of(pipeline: Pipeline, name: str) -> Callable[[int, int], Demonstration]:
    """Return what plays the outside world of the domain called *name*.

    Raises:
        UsageError: There is no such domain, or it has no demonstration.
    """
    domain = one_domain(pipeline, name)
    if not domain.demo:
        have = [each.name for each in pipeline.domains.values() if each.demo]
        raise UsageError(f"domain {name!r} has no demonstration; there is one of {', '.join(have)}")
    module, _, named = domain.demo.partition(":")
    played: Callable[[int, int], Demonstration] = getattr(importlib.import_module(module), named)
    return played


def _files(folder: Path) -> dict[str, int]:
    """Return how many files lie below *folder*, and their bytes."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return {"count": len(sizes), "bytes": sum(sizes)}


def _is_ours(file: Path) -> bool:
    return file.read_text(encoding="utf-8").startswith(MARK)
