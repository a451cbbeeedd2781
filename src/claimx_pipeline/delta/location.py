"""Location of a table: a folder, or a URL of an object store."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from attrs import field, frozen
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError

from claimx_pipeline.errors import TableError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.tables import TablesSettings

SCHEMES = frozenset({"s3", "s3a", "abfs", "abfss", "az", "azure", "adl", "gs", "file"})
"""URL schemes that deltalake can read; any other is more likely a mistake than a table."""


@frozen
class TableLocation:
    """One table's location and the options to open it."""

    table: str
    uri: str
    """Absolute path or URL."""
    options: Mapping[str, Secret] = field(factory=dict)

    @property
    def is_local(self) -> bool:
        """Whether the table is a folder of this machine."""
        return "://" not in self.uri

    def exists(self) -> bool:
        """Return whether a table is there; leaves no trace on disk if there is none."""
        if self.is_local:
            return (Path(self.uri) / "_delta_log").is_dir()
        return DeltaTable.is_deltatable(self.uri, storage_options=self.revealed())

    def open(self) -> DeltaTable:
        """Open the table at its newest version.

        Raises:
            TableError: There is no table. Nothing is created.
        """
        if self.is_local and not self.exists():
            raise self._missing()
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
    scheme = urlsplit(uri).scheme if "://" in uri else ""
    if scheme and scheme not in SCHEMES:
        raise TableError(
            table, f"{name} has the unknown scheme {scheme!r}; known: {', '.join(sorted(SCHEMES))}"
        )
    if not scheme:
        uri = str(Path(uri).expanduser().absolute())
    return TableLocation(table, uri, settings.storage_options)
