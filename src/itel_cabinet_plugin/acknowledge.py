"""Stage ``itel_told``: acknowledges on a topic that a record was dealt with.

The entry points of tracking and of submission both register it, as both workers end with it;
the name stays as settings have it.
"""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import msgspec
from attrs import frozen

from claimx_pipeline import OutRecord
from claimx_pipeline.stages import Item, RecordStage, read_field


@frozen(kw_only=True)
class AcknowledgeConfig:
    """Options of ``itel_told``."""

    topic: str
    """Topic that gets the message, once the record's rows are in the tables."""

    fields: tuple[str, ...]
    """Dotted paths of the message's fields; each is called as its path ends."""

    marks: tuple[str, ...] = ()
    """Dotted paths of further fields, which are in the message only if they are true."""


class AcknowledgeStage(RecordStage):
    """Publishes one message per record that came through; it keeps the record's key."""

    config_class: ClassVar[type[Any]] = AcknowledgeConfig

    def __init__(self, config: AcknowledgeConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        """Add the message."""
        message = {
            path.rpartition(".")[2]: read_field(item.data, path) for path in self.config.fields
        }
        message |= {
            path.rpartition(".")[2]: True
            for path in self.config.marks
            if read_field(item.data, path)
        }
        cause = f"{item.data['event_id']}|{item.data['assignment_id']}|{self.config.topic}"
        headers = (("claimx-id", hashlib.sha256(cause.encode()).hexdigest()[:32].encode()),)
        value = msgspec.json.encode(message, enc_hook=str)
        item.confirm.append(OutRecord(self.config.topic, value, item.record.key, headers))
