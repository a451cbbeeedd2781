"""The sizes of the embedded broker's files, read at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from attrs import frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric


@frozen(eq=False)
class EmbeddedBrokerFiles:
    """Shows how large the file is that holds the topics, and what is not moved into it yet."""

    file: Path | None
    """The file of the topics; None for a broker that is a server."""

    def register(self, registry: CollectorRegistry) -> None:
        """Let *registry* ask."""
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Return the metric without values."""
        return (_family(),)

    def collect(self) -> Iterator[Metric]:
        """Yield the sizes as of now."""
        found = _family()
        if self.file is not None:
            for name, path in (
                ("topics", self.file),
                ("write_ahead_log", self.file.with_name(f"{self.file.name}-wal")),
            ):
                found.add_metric([name], path.stat().st_size if path.exists() else 0)
        yield found


def _family() -> GaugeMetricFamily:
    return GaugeMetricFamily(
        "claimx_embedded_broker_file_bytes",
        "Bytes of the embedded broker's files: topics, write_ahead_log; nothing on Kafka",
        labels=["file"],
    )
