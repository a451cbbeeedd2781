"""Location of a table: a folder, or a URL of an object store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from attrs import field, frozen
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from claimx_pipeline.delta.faults import as_table_error
from claimx_pipeline.errors import TableError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.tables import TablesSettings

SCHEMES = frozenset({"s3", "s3a", "abfs", "abfss", "az", "azure", "adl", "gs", "file"})
"""URL schemes that deltalake can read; any other is more likely a mistake than a table."""

_UNUSABLE = (
    (re.compile(r"%[0-9A-Fa-f]{2}"), "a percent sequence, which the engine reads as a character"),
    (re.compile(r"[\[\]^|\\]"), "a character that the engine cannot have in a path"),
    (re.compile(r"[\x00-\x1f\x7f]"), "a control character"),
)
"""What the engine takes for something else in a path, having made a URL of it."""
_SEPARATES = re.compile(r"[?#]")
"""Ends the path of a URL: every table would be at one location."""


@frozen
class TableLocation:
    """One table's location and the options to open it."""

    table: str
    """Name of the table."""
    uri: str
    """Absolute path or URL."""
    options: Mapping[str, Secret] = field(factory=dict)
    """Options of its storage."""

    @property
    def is_local(self) -> bool:
        """Whether the table is a folder of this machine."""
        return "://" not in self.uri

    def exists(self) -> bool:
        """Return whether a table is there; leaves no trace on disk if there is none.

        Raises:
            TableUnusableError: It cannot be found out.
        """
        with as_table_error(self.table, f"cannot be looked for at {self.uri}"):
            if self.is_local:
                return _has_log(Path(self.uri))
            # ``is_deltatable`` would stop every thread of the process until the store answers.
            try:
                DeltaTable(self.uri, storage_options=self.revealed())
            except TableNotFoundError:
                return False
            return True

    def open(self) -> DeltaTable:
        """Open the table at its newest version.

        Raises:
            TableError: There is no table. Nothing is created.
            TableUnusableError: It cannot be opened.
        """
        if self.is_local and not self.exists():
            raise self._missing()
        with as_table_error(self.table, f"cannot be opened at {self.uri}"):
            try:
                return DeltaTable(self.uri, storage_options=self.revealed())
            except TableNotFoundError as error:
                raise self._missing() from error

    def revealed(self) -> dict[str, str] | None:
        """Return the storage options in clear; hand them to deltalake and to nothing else."""
        return {name: secret.reveal() for name, secret in self.options.items()} or None

    def _missing(self) -> TableError:
        return TableError(
            self.table, f"nothing at {self.uri}; create it with 'claimx-run tables create'"
        )


def locate(settings: TablesSettings, table: str) -> TableLocation:
    """Return the location of *table*.

    Raises:
        TableError: The setting holds an unresolved ``${…}``, or has an unknown scheme.
            deltalake would take either for a folder and fill it.
    """
    own = settings.paths.get(table)
    name = "tables.root" if own is None else f"tables.paths.{table}"
    given = settings.root if own is None else own
    if "${" in given:
        raise TableError(table, f"{name} is {given!r}; set it to a folder or a URL")
    uri = given if own is not None else f"{given.rstrip('/')}/{table}"
    return location_of(table, uri, settings, named=name)


def location_of(table: str, uri: str, settings: TablesSettings, *, named: str) -> TableLocation:
    """Return *uri*, a folder or a URL, as the location of *table*.

    Args:
        table: The table, for messages.
        uri: The folder or URL.
        settings: What holds the options of the store.
        named: Where it was given, for messages.

    Raises:
        TableError: It has an unknown scheme, or what the engine would misread.
    """
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme and scheme not in SCHEMES:
        raise TableError(
            table, f"{named} has the unknown scheme {scheme!r}; known: {', '.join(sorted(SCHEMES))}"
        )
    if scheme in ("", "file"):
        path = url2pathname(urlsplit(uri).path) if scheme else uri
        uri = str(Path(path).expanduser().absolute())
    if why := _unusable(uri, remote=scheme not in ("", "file")):
        raise TableError(
            table, f"{named} leads to {uri!r}, which has {why}; choose another location"
        )
    return TableLocation(table, uri, settings.storage_options)


def _unusable(uri: str, *, remote: bool) -> str:
    """Return what of *uri* the engine would misread; empty if there is nothing."""
    if remote and (found := _SEPARATES.search(uri)):
        return f"{found.group()!r}, which ends the path of a URL"
    for pattern, what in _UNUSABLE[1:] if remote else _UNUSABLE:
        if found := pattern.search(uri):
            return f"{found.group()!r}, {what}"
    return ""


def _has_log(folder: Path) -> bool:
    """Return whether a table has been created in *folder*; an empty log is none."""
    try:
        kinds = [each.suffix for each in (folder / "_delta_log").iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return False
    return ".json" in kinds or ".parquet" in kinds
