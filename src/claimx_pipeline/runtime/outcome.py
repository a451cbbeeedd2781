"""What became of a record. Every record ends in exactly one of these.

One is made for every record, so they are not frozen: making one takes a sixth of the time. None
is changed once it is made.
"""

from __future__ import annotations

from datetime import datetime

from attrs import define, field

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.errors import Category, category_of
from claimx_pipeline.isolation import as_failure


@define(unsafe_hash=True)
class Done:
    """The record is dealt with.

    ``publish`` is acknowledged first, then ``rows`` are written, then ``confirm`` is
    acknowledged, and only then is the offset committed.
    """

    publish: tuple[OutRecord, ...] = ()
    """Records to publish before the offset is committed."""
    rows: tuple[TableRow, ...] = ()
    """Rows to write before the offset is committed."""
    confirm: tuple[OutRecord, ...] = ()
    """Published only once the rows are in: success messages."""
    skipped: str = field(default="", kw_only=True)
    """Why nothing was done, if nothing was."""
    failed_plugins: tuple[tuple[str, Exception], ...] = field(default=(), kw_only=True)
    """Plugins that failed on the record, which is dealt with all the same: name and error."""
    retried_plugins: tuple[tuple[str, Exception], ...] = field(default=(), kw_only=True)
    """Those of them for which it comes back; filled in by the runtime, which publishes it."""
    reports: tuple[OutRecord, ...] = field(default=(), kw_only=True)
    """What happened meanwhile, published first and whatever becomes of any record.

    Also of a record that is worked on again later: a try that was made stays made.
    """


DONE = Done()
"""Dealt with, nothing to publish or write."""


@define(unsafe_hash=True)
class Retry:
    """The record failed and another try may help."""

    error: Exception
    """What its dead letter says if every try fails so."""
    rows: tuple[TableRow, ...] = field(default=(), kw_only=True)
    """What is known in spite of the error, to be written now.

    The record then comes back through the retry topics for the rest. It does not wait
    here, however long a service is unavailable, and an outage does not count as a try.
    """
    reports: tuple[OutRecord, ...] = field(default=(), kw_only=True)
    """As of ``Done``."""


@define(unsafe_hash=True)
class Dead:
    """The record can never work."""

    error: Exception
    """What its dead letter says."""
    rows: tuple[TableRow, ...] = field(default=(), kw_only=True)
    """What is known in spite of the error, to be written all the same."""
    reports: tuple[OutRecord, ...] = field(default=(), kw_only=True)
    """As of ``Done``."""


@define(unsafe_hash=True)
class Held:
    """The record is fine, but not now: it waits here, and so does what is behind it."""

    error: Exception | None = None
    """What every record needs and is not there; None if it only is too early."""
    until: datetime | None = None
    """When to look again; soon, and less and less often, if not given."""
    reports: tuple[OutRecord, ...] = field(default=(), kw_only=True)
    """As of ``Done``."""


Outcome = Done | Retry | Dead | Held


def failure(
    error: BaseException,
    *,
    rows: tuple[TableRow, ...] = (),
    reports: tuple[OutRecord, ...] = (),
) -> Dead | Retry:
    """Return the outcome of a record whose processing raised *error*.

    Catch ``BaseException`` for it: a panic of a library or a ``sys.exit()`` is one record's
    failure too.

    Args:
        error: What was raised.
        rows: What is known all the same.
        reports: What happened meanwhile.

    Raises:
        BaseException: It is *error* itself: the worker's own cancellation, or a signal's.
    """
    failed = as_failure(error)
    kind = Dead if category_of(failed) is Category.PERMANENT else Retry
    return kind(failed, rows=rows, reports=reports)
