"""What a running worker may use; made once per process by the composition point."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import evolve, field, frozen

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import Topology

if TYPE_CHECKING:
    from claimx_pipeline.connections.registry import Connections
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.domain.handlers import EventHandler
    from claimx_pipeline.hooks.event_hooks import EventHooks
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.telemetry.health import Health
    from claimx_pipeline.telemetry.metrics import Metrics
    from claimx_pipeline.telemetry.tracing import Tracing


@frozen
class Webhooks:
    """What the settings of the plugins say of webhooks."""

    urls: frozenset[str] = frozenset()
    """URLs that they name: their hosts may be called, wherever they are."""
    headers: Mapping[tuple[str, str], Mapping[str, str]] = field(factory=dict, repr=False)
    """Headers, by the plugin's name and its key for them."""


@frozen(kw_only=True)
class Resources:
    """Everything a processor or a stage may reach; no other way leads outside."""

    settings: Settings
    """All settings."""
    clock: Clock
    """The one clock."""
    broker: Broker
    """The broker."""
    topology: Topology
    """What each topic and group is called on the broker."""
    tables: Mapping[str, TableSpec]
    """Every declared table by name."""
    open_table_store: Callable[[], TableStore]
    """Returns where the tables are; called by what has some, since the engine is slow to load."""
    connections: Connections
    """The named HTTP services."""
    handlers: Mapping[str, tuple[EventHandler[Any, Any], ...]]
    """By the name of their domain."""
    dispatcher: EventHooks
    """What calls the plugins."""
    health: Health
    """Where workers report how they are."""
    metrics: Metrics
    """Where they count."""
    webhooks: Webhooks
    """Which webhooks the settings of plugins name."""
    tracing: Tracing | None = None
    """Makes spans; None if nothing is traced."""
    redactor: Redactor = field(factory=Redactor, repr=False)
    """Removes credentials, those of the settings among them, from what is shown or kept."""
    _worker: WorkerSpec | None = field(default=None, alias="worker", repr=False)

    @property
    def table_store(self) -> TableStore:
        """Where the tables are."""
        return self.open_table_store()

    @property
    def worker(self) -> WorkerSpec:
        """The worker that they are used by.

        Raises:
            LookupError: They are not used by a worker.
        """
        if self._worker is None:
            raise LookupError("these resources are not those of a worker")
        return self._worker

    def of(self, worker: WorkerSpec) -> Resources:
        """Return the same for a member of *worker*, which may read something other than topics."""
        of_worker = evolve(self, worker=worker)
        if worker.intake is None:
            return of_worker
        return evolve(of_worker, broker=worker.intake.broker(of_worker))
