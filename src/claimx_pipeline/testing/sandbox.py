"""A whole pipeline of a test's own, driven by plain calls."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.library.pipeline import Pipeline
from claimx_pipeline.operations import (
    context_of,
    create_all,
    publish,
    query,
    read_topic,
    run_until_idle,
)
from claimx_pipeline.simulator.extending import connections_of, extend
from claimx_pipeline.simulator.routes import SimulatedRoute
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.testing.builders import happened
from claimx_pipeline.testing.installing import others, put_folder, put_object
from claimx_pipeline.testing.looping import LoopThread
from claimx_pipeline.topics import BRAND, DomainTopics

TIME_LIMIT = 120.0
"""Seconds any one step of a sandbox may take."""

SETTINGS = """\
broker: {{url: "sqlite:///{folder}/broker.db"}}
claimx: {{api: {{base_url: "{api}", token: demo-token, breaker_open_seconds: 0.5}}}}
tables: {{root: "{folder}/tables"}}
storage: {{files: {{root: "{folder}/files"}}}}
plugins: {{dir: plugins}}
retry: {{delays_seconds: [0.2, 0.4]}}
health: {{port: 0}}
workers: {{events: {{linger_seconds: 0}}, entities: {{linger_seconds: 0}}}}
"""


class Sandbox:
    """Simulator, embedded broker, tables and workers in a folder; use it in a ``with`` block.

    Installed plugins take part as they do in production. Everything blocks until it is
    done, so it works in tests with and without an event loop.
    """

    def __init__(self, folder: Path, *, seed: int = 7) -> None:
        """Prepare a sandbox; nothing runs before the ``with`` block.

        Args:
            folder: An empty folder, for everything.
            seed: Of the simulated world.
        """
        self.folder = folder
        self.environ: dict[str, str] = {}
        """Environment that the settings are read with; change it before the first step."""
        self.simulator = SimulatorServer(World(seed))
        """What the outside world is played by: ``requests``, ``submissions``, ``faults``."""
        self._config = folder / "settings"
        self._happened = 0
        self._extended = False
        self._pipeline: Pipeline | None = None
        self._loop: LoopThread

    def __enter__(self) -> Self:
        """Start the simulator."""
        self._loop = LoopThread()
        try:
            self._loop.run(self.simulator.__aenter__(), TIME_LIMIT)
        except BaseException:
            self._loop.close()
            raise
        self._config.mkdir(parents=True)
        (self.folder / "plugins").mkdir(exist_ok=True)
        settings = SETTINGS.format(folder=self.folder, api=self.simulator.api_url)
        (self._config / "00-sandbox.yaml").write_text(settings, encoding="utf-8")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the simulator."""
        try:
            self._loop.run(self.simulator.__aexit__(kind, error, trace), TIME_LIMIT)
        finally:
            self._loop.close()

    def configure(self, text: str) -> None:
        """Lay more settings, YAML as in ``claimx.yaml``, over what there is."""
        number = len(list(self._config.iterdir()))
        (self._config / f"{number:02}.yaml").write_text(text, encoding="utf-8")
        self._pipeline = None

    def serve(self, route: SimulatedRoute) -> None:
        """Let a simulated service answer one more path; a later route goes first."""
        self.simulator.simulation.routes.insert(0, route)
        self._pipeline = None

    def install(self, plugin: Any, config: Mapping[str, Any] | None = None) -> None:
        """Add a plugin that is not an installed package; it has to load.

        Args:
            plugin: Whatever a start takes: a ``Plugin`` class, a module or an object with hooks;
                or the ``Path`` of a directory plugin, or of a folder of them.
            config: Settings of a ``Plugin`` class; those of a folder are in its ``config.yaml``.

        Raises:
            UsageError: There is one of that name already, or none in the folder.
        """
        directory = self.folder / "plugins"
        if isinstance(plugin, Path):
            names = [*put_folder(directory, plugin)]
        else:
            names = [put_object(directory, plugin, config or {})]
        for name in names:
            self.configure(f"plugins: {{{name}: {{required: true}}}}")

    def only(self, *names: str) -> None:
        """Leave out every installed plugin but those called *names*; ``install`` adds to them.

        Raises:
            UsageError: There is none of such a name.
        """
        for name in others(*names):
            self.configure(f"plugins: {{{name}: {{enabled: false}}}}")

    @property
    def pipeline(self) -> Pipeline:
        """The pipeline as it is configured now; its topics and tables exist.

        Raises:
            SettingsError: The settings are wrong.
        """
        if self._pipeline is None:
            loaded = self._load()
            if not self._happened and not self._extended:
                self._extended = True
                extend(self.simulator, loaded.plugins)
                loaded = self._load()
            self._pipeline = loaded
            self._loop.run(create_all(self._pipeline), TIME_LIMIT)
        return self._pipeline

    def _load(self) -> Pipeline:
        """Read the settings; those of the simulator first, beneath the test's own."""
        leading = {"connections": {n: {"base_url": u} for n, u in self._services().items()}}
        (self._config / "00-services.yaml").write_bytes(msgspec.json.encode(leading))
        return Pipeline.load(self._config, environ=self.environ, cwd=self.folder)

    def _services(self) -> Mapping[str, str]:
        return connections_of(self.simulator)

    def happen(self, count: int) -> list[Event]:
        """Let the next *count* events of the world happen: publish them, move its clock.

        Returns:
            The events, as the pipeline reads them.
        """
        pipeline, world = self.pipeline, self.simulator.world
        fresh = world.events(self._happened + count)[self._happened :]
        self._happened += count
        world.set_clock(world.end(self._happened))
        keys = [event.key for event in fresh]
        values = [msgspec.json.encode(event.value) for event in fresh]
        topic = DomainTopics(BRAND).events_raw.name
        self._loop.run(publish(pipeline, topic, values, keys=keys), TIME_LIMIT)
        return [happened(value, event.at) for value, event in zip(values, fresh, strict=True)]

    def publish(self, topic: str, *messages: Any, key: str | None = None) -> None:
        """Publish messages: bytes as they are, anything else as JSON.

        Args:
            topic: Logical name of the topic.
            messages: The messages.
            key: Key of each.
        """
        keys = [key] * len(messages) if key is not None else None
        self._loop.run(publish(self.pipeline, topic, messages, keys=keys), TIME_LIMIT)

    def run(self, *workers: str, seconds: float = TIME_LIMIT) -> None:
        """Run workers until they have nothing left to do.

        Args:
            workers: Names of workers or of sets of them; ``claimx`` if none is given.
            seconds: How long that may take.

        Raises:
            ClaimxError: A worker cannot start, or failed.
            TimeoutError: It took longer.
        """
        names = workers or ("claimx",)
        if any(worker.ladders() for worker in self.pipeline.select(names)):
            names = (*names, "retry")
        self._loop.run(run_until_idle(self.pipeline, *names), seconds)

    def records(self, topic: str) -> list[Record]:
        """Return every record of a topic, by its logical name."""
        return self._loop.run(read_topic(self.pipeline, topic), TIME_LIMIT)

    def messages(self, topic: str) -> list[Any]:
        """Return the JSON in every record of a topic."""
        return [msgspec.json.decode(record.value or b"null") for record in self.records(topic)]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        """Return the answer to a query; a table's name alone is all of its rows."""
        sql = sql if " " in sql.strip() else f"SELECT * FROM {sql}"  # noqa: S608 - a test's own
        rows: list[dict[str, Any]] = query(self.pipeline, sql).to_pylist()
        return rows

    def dead_letters(self) -> list[Record]:
        """Return every dead letter of every worker."""
        topics = {worker.dead_letters for worker in self.pipeline.workers.values()}
        names = sorted(topic.name for topic in topics if topic)
        return [record for name in names for record in self.records(name)]

    def context(self, event: Event) -> EnrichmentContext:
        """Return what plugins are shown of *event*: the simulator's answer, as rows.

        Raises:
            ClaimxError: No handler is for its type.
            RecordError: The API's answer cannot be used.
        """
        return self._loop.run(context_of(self.pipeline, event), TIME_LIMIT)
