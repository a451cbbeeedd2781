"""Section ``offsets``: what follows when a topic is not what a worker has read so far."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen(kw_only=True)
class OffsetsSettings:
    """What follows when records were deleted before they were read."""

    on_gap: Literal["stop", "continue"] = "stop"
    """``stop``: the worker takes no more records, is not ready and says how many are lost, until
    a person decides; meanwhile retention goes on. ``continue``: the loss is counted and logged,
    and the worker goes on with what is left."""
