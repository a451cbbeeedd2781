"""Stage ``transform``: picks fields of the message and gives them names of their own."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from claimx_pipeline.stages.fields import read_field
from claimx_pipeline.stages.protocol import Item, RecordStage


@frozen(kw_only=True)
class TransformConfig:
    """Options of ``transform``."""

    mappings: Mapping[str, str] = field(factory=dict)
    """New field to the dotted path it is read from; indexes as ``items[0].id``."""

    defaults: Mapping[str, Any] = field(factory=dict)
    """Field to the value it has when no mapping found one."""


class TransformStage(RecordStage):
    """Adds mapped fields to the data; nothing is removed."""

    config_class: ClassVar[type[Any]] = TransformConfig

    def __init__(self, config: TransformConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        """Read the mapped fields from what the stages before have made."""
        found = {
            name: value
            for name, path in self.config.mappings.items()
            if (value := read_field(item.data, path)) is not None
        }
        item.data.update(found)
        for name, value in self.config.defaults.items():
            if item.data.get(name) is None:
                item.data[name] = copy.deepcopy(value)
