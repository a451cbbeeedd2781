"""Rows that are older than a table is to keep them: deleted, and not written again.

The time before which rows were deleted is kept in the table itself, in the commit that deletes
them. Writers look at it with every version that others have made, and leave out what is older:
a repetition that comes late does not bring a row back, although its key is not in the table any
more. Positions are no rows; they stay.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from attrs import define
from deltalake import CommitProperties, Transaction

from claimx_pipeline.clock import EPOCH
from claimx_pipeline.delta.deleting import DeletedRows, Deleting
from claimx_pipeline.delta.faults import as_table_error
from claimx_pipeline.delta.features import refuse_unwritable
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.selection import Older
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.marks import FLOOR, GROUP, MAINTENANCE, floor_of
from claimx_pipeline.errors import TableError


@define
class Retention:
    """Retention of one table. Its methods block."""

    location: TableLocation
    spec: TableSpec
    dry_run: bool = False

    def delete_before(self, oldest: datetime) -> DeletedRows:
        """Delete the rows whose time is before *oldest*; rows without a time stay.

        Raises:
            TableError: There is no table, it has no column that says how old a row is, or
                its rows cannot be deleted.
        """
        column = self.spec.aged_by()
        if column is None:
            raise TableError(self.spec.name, self.spec.why_kept())
        earlier = floor_of(self.location.open()) or 0
        floor = max(earlier, (oldest - EPOCH) // timedelta(microseconds=1))
        meant = Older(column, EPOCH + timedelta(microseconds=floor))
        work = Deleting(self.location, self.spec, (Transaction(FLOOR, floor),))
        return work.count(meant) if self.dry_run else work.delete(meant)

    def lift(self) -> bool:
        """Let rows of any age be written again; return whether there was a limit.

        Raises:
            TableError: There is no table, or it cannot be written.
        """
        table = self.location.open()
        if floor_of(table) is None:
            return False
        if not self.dry_run:
            refuse_unwritable(self.spec.name, table)
            properties = CommitProperties(
                app_transactions=[Transaction(FLOOR, 0)], custom_metadata={GROUP: MAINTENANCE}
            )
            with as_table_error(self.spec.name, "its retention cannot be lifted"):
                table.create_write_transaction(
                    [], "append", table.schema(), commit_properties=properties
                )
        return True


def oldest_kept(days: Mapping[str, float], table: str, now: datetime) -> datetime | None:
    """Return how old a row of *table* may be; None if it may be of any age.

    Args:
        days: Table to how many days it keeps a row.
        table: The table.
        now: The present.
    """
    kept = days.get(table)
    if kept is None:
        return None
    # More days than there have been since the year 1970 keep all rows.
    return now - min(timedelta(days=kept), now - EPOCH)
