"""Stage ``itel_told``: tells others that a record is dealt with."""

from __future__ import annotations

import hashlib
from typing import Any, ClassVar

import msgspec
from attrs import frozen

from claimx_pipeline import Item, OutRecord, RecordStage, read_field


@frozen(kw_only=True)
class ToldConfig:
    """Options of ``itel_told``."""

    topic: str
    """Topic that gets the message, once the record's rows are in the tables."""

    fields: tuple[str, ...]
    """Dotted paths of what it says; each is called as its path ends."""


class ToldStage(RecordStage):
    """Publishes one message per record that came through; it keeps the record's key."""

    config_class: ClassVar[type[Any]] = ToldConfig

    def __init__(self, config: ToldConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        """Add the message."""
        message = {
            path.rpartition(".")[2]: read_field(item.data, path) for path in self.config.fields
        }
        cause = f"{item.data['event_id']}|{item.data['assignment_id']}|{self.config.topic}"
        headers = (("claimx-id", hashlib.sha256(cause.encode()).hexdigest()[:32].encode()),)
        value = msgspec.json.encode(message, enc_hook=str)
        item.confirm.append(OutRecord(self.config.topic, value, item.record.key, headers))
