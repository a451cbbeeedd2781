"""What goes wrong while a table is written, and whether another try can help.

deltalake raises few types, and most storage failures differ by text alone. So a
failure of the storage is ``transient`` whatever it says: the batch is held and tried
again, and nothing is dead-lettered because a disk is full or a token has expired. What a
table refuses of a batch is found beforehand, from the table's own metadata.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager

from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    DeltaProtocolError,
    SchemaMismatchError,
)

from claimx_pipeline.delta.write_errors import (
    TableFencedError,
    TableUnusableError,
    TableWriteError,
)
from claimx_pipeline.errors import Category, ClaimxError
from claimx_pipeline.system_errors import reason_of

__all__ = [
    "TableFencedError",
    "TableUnusableError",
    "TableWriteError",
    "as_table_error",
    "category_of_engine",
    "engine_errors",
    "one_line",
    "write_error",
]

_TREE = re.compile(r"^\s*↳\s*")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_TOOK = re.compile(r" in \d+(\.\d+)?(ns|µs|ms|s)\b")
_LONGEST = 600
"""Characters of a cause that are shown."""


def write_error(table: str, error: BaseException) -> TableWriteError:
    """Return *error*, raised while writing *table*, as what the runtime understands."""
    if isinstance(error, TableUnusableError):
        return TableWriteError(error.reason, error.category, table=table)
    return TableWriteError(one_line(error), category_of_engine(error), table=table)


@contextmanager
def as_table_error(table: str, doing: str) -> Iterator[None]:
    """Turn whatever the engine raises into a ``TableUnusableError`` of one sentence.

    A panic of the engine is not an ``Exception``, so it is caught by what it is not.

    Args:
        table: Name of the table.
        doing: Begins the sentence: what cannot be done, and where.

    Raises:
        TableUnusableError: The engine failed.
    """
    try:
        yield
    except (ClaimxError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:
        reason = f"{doing}: {one_line(error)}"
        category = category_of_engine(error)
        if isinstance(error, ValueError) or type(error) is Exception:
            category = Category.TRANSIENT  # raised inside a query, for a value or a setting
        raise TableUnusableError(table, reason, category) from error


def one_line(error: BaseException) -> str:
    """Return the message of *error* in one line, with the causes it names.

    Object stores tell the cause in lines that each begin with an arrow, queries in the line
    after ``caused by``; a preview of data or a
    Rust backtrace that may follow is left out. How long a request took is left out as well, so
    that the same failure has the same text.
    """
    said = reason_of(error) if isinstance(error, OSError) else str(error)
    lines = _COLOURS.sub("", said).strip().splitlines()
    if not lines:
        return type(error).__name__
    causes = [
        _TREE.sub("", line).strip()
        for before, line in itertools.pairwise(lines)
        if _TREE.match(line) or before.strip() == "caused by"
    ]
    return _TOOK.sub("", ": ".join([lines[0].strip().rstrip(":"), *causes]))[:_LONGEST]


@contextmanager
def engine_errors() -> Iterator[None]:
    """Give what fails inside a running query the type of other failures of the engine.

    It arrives as a bare ``Exception``, whatever caused it: a file that cannot be read is one.

    Raises:
        DeltaError: The query failed.
    """
    try:
        yield
    except Exception as error:
        if type(error) is Exception:
            raise DeltaError(str(error)) from error
        raise


def category_of_engine(error: BaseException) -> Category:
    """Return whether another try can help, by the type of *error*."""
    if isinstance(error, (SchemaMismatchError, DeltaProtocolError)):
        return Category.PERMANENT
    if isinstance(error, (CommitFailedError, DeltaError, OSError, TimeoutError)):
        return Category.TRANSIENT
    return Category.BUG
