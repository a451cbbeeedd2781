"""A topic as Kafka is asked to create it."""

from __future__ import annotations

from aiokafka.admin import NewTopic as KafkaNewTopic

from claimx_pipeline.broker.protocol import NewTopic

HOUR_MILLISECONDS = 3_600_000
SMALLEST_SEGMENT = 1024 * 1024
"""Bytes; Kafka takes less, and has a file open for each segment."""


def kafka_topic(topic: NewTopic) -> KafkaNewTopic:
    """Return what Kafka is asked for: retention and segments as *topic* says."""
    kept = -1 if topic.retention_hours is None else round(topic.retention_hours * HOUR_MILLISECONDS)
    return KafkaNewTopic(
        topic.name,
        topic.partitions,
        topic.replication,
        topic_configs={
            "retention.ms": str(kept),
            "retention.bytes": str(topic.retention_bytes or -1),
            "cleanup.policy": "delete",
            **_segments(topic.retention_bytes),
        },
    )


def _segments(retention_bytes: int | None) -> dict[str, str]:
    """Return how large a segment is: Kafka deletes whole ones, and never the one it writes to."""
    if retention_bytes is None:
        return {}
    return {"segment.bytes": str(max(retention_bytes // 4, SMALLEST_SEGMENT))}
