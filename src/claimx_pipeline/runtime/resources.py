"""What a running worker may use; made once per process by the composition point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.settings.tree import Settings
from claimx_pipeline.topology import Topology

if TYPE_CHECKING:
    from claimx_pipeline.claimx.handlers.protocol import Handler
    from claimx_pipeline.connections.registry import Connections
    from claimx_pipeline.plugins.dispatch import Dispatcher
    from claimx_pipeline.telemetry.health import Health
    from claimx_pipeline.telemetry.metrics import Metrics


@frozen(kw_only=True)
class Resources:
    """Everything a processor or a stage may reach; no other way leads outside."""

    settings: Settings
    clock: Clock
    broker: Broker
    topology: Topology
    tables: Mapping[str, TableSpec]
    table_store: TableStore
    connections: Connections
    handlers: tuple[Handler, ...]
    dispatcher: Dispatcher
    health: Health
    metrics: Metrics
