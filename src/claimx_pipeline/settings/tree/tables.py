"""Section ``tables``: where the Delta tables are."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import ge, gt, le

from claimx_pipeline.settings.kinds import KIND, location, locations
from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.validators import no_blank_values, not_blank

MOST_BUCKETS = 1024


@frozen(kw_only=True)
class TablesSettings:
    """Where the Delta tables live."""

    root: str = field(
        default="./claimx-data/tables",
        validator=not_blank,
        repr=masked_repr,
        metadata={KIND: location},
    )
    """Folder or URL (``s3://``, ``abfss://``, ``az://``) under which each table has its own."""

    paths: Mapping[str, str] = field(
        factory=dict, validator=no_blank_values, metadata={KIND: locations}
    )
    """Table name to a location of its own."""

    storage_options: Mapping[str, Secret] = field(factory=dict)
    """What differs for tables from ``storage.options``, by the names deltalake knows."""

    buckets: int = field(default=16, validator=[ge(1), le(MOST_BUCKETS)])
    """Over how many buckets the rows of a keyed table, and the messages that bring them, are
    spread. Fixed when tables are created: one with another number is refused. At most so many
    instances of ``entities`` share the work."""

    dedupe_window_hours: float = field(default=168.0, validator=gt(0))
    """How far back an append table looks for an earlier row of a key that holds no time."""
