"""What is shown of tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from attrs import frozen

from claimx_pipeline.delta.log_files import TOO_MANY

if TYPE_CHECKING:
    pass


@frozen(kw_only=True)
class ListedTable:
    """A table, and how much is in it."""

    table: str
    """Name of the table."""
    mode: str
    """``append`` or ``merge``."""
    location: str
    """Path or URL."""
    rows: int | None = None
    """None if it has not been created, as of the next three."""
    version: int | None = None
    """Its newest version."""
    bytes: int | None = None
    """Size of its files."""
    log_files: int | None = None
    """Files of its log; every commit lists them."""
    domain: str = ""
    """The domain that it is of; empty for one that a plugin brought."""
    error: str = ""
    """Why it cannot be opened; empty if it can, or does not exist."""

    @property
    def warning(self) -> str:
        """What to do about the table; empty if there is nothing."""
        if (self.log_files or 0) <= TOO_MANY:
            return ""
        return (
            f"its log has {self.log_files:,} files, which slow down every commit; "
            f"'claimx-run tables maintain {self.table} --log-retention' bounds it"
        )

    @property
    def created(self) -> bool:
        """Whether it exists, as far as is known."""
        return self.version is not None or bool(self.error)


@frozen
class CreatedTable:
    """A table that was missing."""

    table: str
    """Name of the table."""
    location: str
    """Path or URL."""


@frozen(kw_only=True)
class DescribedColumn:
    """A column of a table."""

    column: str
    """Name of the column."""
    type: str
    """Its type."""
    nullable: bool
    """Whether it may be empty."""
    roles: Sequence[str]
    """Of ``key``, ``partition``, ``event time``, ``answer time``, ``set by events`` and
    ``bookkeeping`` those that it has.
    """
    meaning: str
    """What it holds."""
    source: str
    """Where its value comes from."""
    plugin: str = ""
    """The plugin that added it to a table of the pipeline; empty for the table's own."""


@frozen(kw_only=True)
class DescribedTable:
    """A table with its columns."""

    listed: ListedTable
    """As ``tables list`` shows it."""
    summary: str
    """What it holds, in one line."""
    key: Sequence[str]
    """Columns of its key."""
    partitions: Sequence[str]
    """Columns it is partitioned by."""
    written: str
    """How rows are written: ``append``, ``copy-on-write``, or MERGE and why; empty if it has not
    been created or cannot be opened.
    """
    columns: Sequence[DescribedColumn]
    """Its columns."""
    plugin: str = ""
    """The plugin that added it to a domain, as the table of an entity kind; else empty."""
    description: str = ""
    """What it is, in some sentences; other readers see it too, where the table has it."""
    unexplained: bool = False
    """Whether the stored table lacks the description, or comments on columns, that are here."""
