"""The file of the embedded broker: how it is made, opened and changed."""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from claimx_pipeline.broker.sqlite.local_disk import refuse_network_disk
from claimx_pipeline.broker.url import SETTING
from claimx_pipeline.errors import Problem, SettingsError

APPLICATION_ID = 0x436C6D58
"""Marks the file as ours ("ClmX"): https://sqlite.org/pragma.html#pragma_application_id."""
VERSION = 2
WAL_BYTES = 64 * 1024 * 1024
"""The write-ahead log is cut back to this after it was emptied."""
ASK_AGAIN_SECONDS = 0.02

SCHEMA = """
CREATE TABLE IF NOT EXISTS topic (
  name TEXT PRIMARY KEY, partitions INTEGER NOT NULL, retention_ms INTEGER,
  retention_bytes INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS partition (
  log INTEGER PRIMARY KEY, topic TEXT NOT NULL, number INTEGER NOT NULL,
  next INTEGER NOT NULL DEFAULT 0, begin INTEGER NOT NULL DEFAULT 0,
  bytes INTEGER NOT NULL DEFAULT 0, UNIQUE (topic, number)
);
CREATE TABLE IF NOT EXISTS record (
  id INTEGER PRIMARY KEY, timestamp INTEGER NOT NULL, key BLOB, value BLOB, headers BLOB
);
CREATE TABLE IF NOT EXISTS consumer_group (
  name TEXT PRIMARY KEY, generation INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS member (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, grp TEXT NOT NULL, name TEXT NOT NULL,
  topics TEXT NOT NULL, machine TEXT NOT NULL, pid INTEGER NOT NULL, started INTEGER NOT NULL,
  lease_until REAL NOT NULL, UNIQUE (grp, name)
);
CREATE TABLE IF NOT EXISTS ownership (
  grp TEXT NOT NULL, log INTEGER NOT NULL, owner TEXT, epoch INTEGER NOT NULL, next INTEGER,
  PRIMARY KEY (grp, log)
) WITHOUT ROWID;
"""


RECORD_BYTES = "ifnull(length(key), 0) + ifnull(length(value), 0) + ifnull(length(headers), 0)"
"""Size of a record, computed without reading it (https://sqlite.org/lang_corefunc.html)."""

UPGRADE = f"""
ALTER TABLE topic ADD COLUMN retention_bytes INTEGER;
ALTER TABLE partition ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;
UPDATE partition SET bytes = (
  SELECT ifnull(sum({RECORD_BYTES}), 0) FROM record
  WHERE id >= partition.log << 40 AND id < (partition.log + 1) << 40
);
PRAGMA user_version = 2;
"""  # noqa: S608 - a constant of this module
"""From version 1."""


def opened(path: Path, *, create: bool, busy_seconds: float) -> sqlite3.Connection | None:
    """Return a connection to the broker in *path*, or None if there is none yet.

    Args:
        path: The file.
        create: Make the file, its folder and its tables if they are missing.
        busy_seconds: How long a statement waits for another process's transaction.

    Raises:
        SettingsError: The file is something else, or is on a network disk.
        sqlite3.Error: It cannot be opened.
    """
    if not create and not path.exists():
        return None
    refuse_network_disk(path)
    if create:
        path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={'rwc' if create else 'rw'}",
        uri=True,
        isolation_level=None,
        timeout=busy_seconds,
    )
    try:
        ready = _version(connection, path)
        if ready == 1:
            _upgrade(connection)
        if create:
            _prepare(connection, busy_seconds)
        elif not ready:
            connection.close()
            return None
        # An acknowledged record survives a power cut, as with Kafka.
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA journal_size_limit = {WAL_BYTES}")
    except BaseException:
        connection.close()
        raise
    return connection


@contextlib.contextmanager
def writing(connection: sqlite3.Connection) -> Iterator[None]:
    """Run what is inside as one write transaction, or not at all."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the version of the tables; 0 means an empty file."""
    try:
        (mark,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        (version,) = connection.execute("PRAGMA user_version").fetchone()
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_NOTADB:
            raise
        raise _not_ours(path, "is not an embedded broker") from error
    if tables and mark != APPLICATION_ID:
        raise _not_ours(path, "is the SQLite file of another program")
    if version > VERSION:
        raise _not_ours(path, "was written by a newer version of this program")
    return int(version)


def _upgrade(connection: sqlite3.Connection) -> None:
    with writing(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version == 1:  # no other process was faster
            for statement in UPGRADE.split(";"):
                connection.execute(statement)


def _not_ours(path: Path, what: str) -> SettingsError:
    return SettingsError([Problem(SETTING, f"{str(path)!r} {what}; name another file")])


def _prepare(connection: sqlite3.Connection, busy_seconds: float) -> None:
    # Two processes may do this at once, and a change of the journal mode does not wait
    # for locks by itself; every step may be repeated.
    end = time.monotonic() + busy_seconds
    while True:
        try:
            connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
            connection.execute("PRAGMA journal_mode = WAL")
            with writing(connection):
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                for statement in SCHEMA.split(";"):
                    connection.execute(statement)
                connection.execute(f"PRAGMA user_version = {VERSION}")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > end:
                raise
            time.sleep(ASK_AGAIN_SECONDS)
        else:
            return
