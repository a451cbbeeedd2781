"""Section ``sources``: where events come from other than a topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen
from attrs.validators import ge, gt, optional

from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class SourceSettings:
    """One source. Its worker ``source-<name>`` publishes what it reads."""

    type: str = field(validator=not_blank)
    """``files``, ``delta``, ``parquet``, or a type that a plugin offers."""

    path: str | None = field(default=None, validator=optional(not_blank))
    """What is read: a file, a folder or a pattern such as ``events/*.jsonl``; of ``delta`` the
    location of the table."""

    topic: str | None = field(default=None, validator=optional(not_blank))
    """Raw topic of the domain that the events belong to; the first domain's if not given."""

    rate: float | None = field(default=None, validator=optional(gt(0)))
    """Events per second, at most; as fast as the broker takes them if not given."""

    poll_seconds: float = field(default=5.0, validator=gt(0))
    """How long to wait before it is asked again once it had nothing more."""

    column: str | None = field(default=None, validator=optional(not_blank))
    """Of a table: the column that holds the whole event as JSON; without, a row is an event."""

    version: int | None = field(default=None, validator=optional(ge(0)))
    """Of ``delta``: the version that is read; the one that there is at the first start if not
    given."""

    options: Mapping[str, Any] = field(factory=dict, repr=False)
    """Of a plugin's type: its own options."""
