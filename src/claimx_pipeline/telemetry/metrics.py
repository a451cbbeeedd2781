"""What is counted, and the one registry of a process that holds it."""

from __future__ import annotations

from attrs import define, field
from prometheus_client import CollectorRegistry

from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.telemetry.drift import AnswerDrift
from claimx_pipeline.telemetry.file_metrics import FileMetrics
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.health_metrics import HealthMetrics
from claimx_pipeline.telemetry.lag_metrics import LagMetrics
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.telemetry.process_metrics import ProcessMetrics
from claimx_pipeline.telemetry.record_metrics import RecordMetrics
from claimx_pipeline.telemetry.request_metrics import RequestMetrics
from claimx_pipeline.telemetry.table_metrics import TableMetrics
from claimx_pipeline.telemetry.worker_metrics import WorkerMetrics

__all__ = ["Metrics", "WorkerMetrics"]


@define
class Metrics:
    """The metrics of a process, by subject.

    Labels are bounded: names of workers, groups, topics, tables, plugins, connections, declared
    paths, and words of a short list; never an id, a URL or a member.
    """

    registry: CollectorRegistry = field(factory=CollectorRegistry)
    """Where they are registered."""
    clock: Clock = field(factory=SystemClock)
    """The one clock."""
    records: RecordMetrics = field(init=False)
    """Records from their poll to their commit."""
    lag: LagMetrics = field(init=False)
    """How far consumer groups are behind, and what topics hold."""
    tables: TableMetrics = field(init=False)
    """Commits, rows, files and bytes of tables."""
    files: FileMetrics = field(init=False)
    """Files of claims on their way."""
    requests: RequestMetrics = field(init=False)
    """Requests to services, breakers, credentials and caches."""
    drift: AnswerDrift = field(init=False)
    """Fields of answers that are not what they are known as."""
    plugins: PluginMetrics = field(init=False)
    """What is counted about plugins, and what they count themselves."""
    process: ProcessMetrics = field(init=False)
    """The process itself, and its build."""

    def __attrs_post_init__(self) -> None:
        registry = self.registry
        self.records = RecordMetrics(registry)
        self.lag = LagMetrics(registry, self.clock)
        self.tables = TableMetrics(registry)
        self.files = FileMetrics(registry)
        self.requests = RequestMetrics(registry)
        self.drift = AnswerDrift(registry)
        self.plugins = PluginMetrics(registry)
        self.process = ProcessMetrics(registry)

    def worker(self, name: str, health: Health) -> WorkerMetrics:
        """Return what worker *name* counts with."""
        return WorkerMetrics(name, self.records, self.tables, health)

    def maintained(self, table: str, outcome: str) -> None:
        """Count that a table was looked after: ``done`` or ``failed``."""
        self.tables.maintained(table, outcome)

    def watch(self, health: Health) -> None:
        """Show the state of the workers that *health* knows, as of each scrape."""
        HealthMetrics(health).register(self.registry)
