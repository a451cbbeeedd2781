"""Section ``storage``: object stores and their credentials."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import ge, gt, le

from claimx_pipeline.settings.kinds import KIND, location
from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class FilesSettings:
    """Where files end."""

    root: str = field(
        default="./claimx-data/files",
        validator=not_blank,
        repr=masked_repr,
        metadata={KIND: location},
    )
    """Folder or URL (``s3://``, ``abfss://``, ``az://``) under which files are stored."""

    options: Mapping[str, Secret] = field(factory=dict)
    """What differs here from ``storage.options``."""

    max_concurrent: int = field(default=8, validator=[ge(1), le(100)])
    """Files written at once in one worker; each may take 15 MB of memory."""


@frozen(kw_only=True)
class CacheSettings:
    """Where a file lies between download and upload."""

    root: str = field(
        default="./claimx-data/cache",
        validator=not_blank,
        repr=masked_repr,
        metadata={KIND: location},
    )
    """Folder or URL that both workers reach: a disk they share, or an object store."""

    options: Mapping[str, Secret] = field(factory=dict)
    """What differs here from ``storage.options``."""

    keep_hours: float = field(default=72.0, validator=gt(0))
    """A file that no upload has claimed for this long is removed."""


@frozen(kw_only=True)
class StorageSettings:
    """Object storage, for tables and files."""

    options: Mapping[str, Secret] = field(factory=dict)
    """Credentials and options of the object store, for tables and files alike."""

    max_retries: int = field(default=3, validator=[ge(0), le(100)])
    """Further tries of one request; after them the worker waits and asks again."""

    retry_timeout_seconds: float = field(default=30.0, validator=gt(0))
    """Time for all tries of one request: none is begun later."""

    timeout_seconds: float = field(default=60.0, validator=gt(0))
    """Time of one request, its answer read; a part of a large file may be slow."""

    connect_timeout_seconds: float = field(default=5.0, validator=gt(0))
    """Time to open a connection."""

    table_timeout_seconds: float = field(default=300.0, validator=gt(0))
    """Time of one operation on a table, all requests and tries in it; a throttled store can need
    minutes."""

    files: FilesSettings = field(factory=FilesSettings)
    """Where files end."""

    cache: CacheSettings = field(factory=CacheSettings)
    """Where a file lies between download and upload."""

    def limited(self, *options: Mapping[str, Secret]) -> dict[str, Secret]:
        """Return ``options``, then *options*, and the limits above by the names of both libraries.

        An option that says the same in its own words wins over the setting.
        """
        limits = {
            "max_retries": str(self.max_retries),
            "retry_timeout": _milliseconds(self.retry_timeout_seconds),
            "timeout": _milliseconds(self.timeout_seconds),
            "connect_timeout": _milliseconds(self.connect_timeout_seconds),
        }
        given: dict[str, Secret] = dict(self.options)
        for more in options:
            given |= more
        said = {bare_option(name) for name in given}
        return {name: Secret(text) for name, text in limits.items() if name not in said} | given


def bare_option(name: str) -> str:
    """Return the name of an option without the store's; all stores have those of the client."""
    option = name.lower()
    return option.removeprefix("aws_").removeprefix("azure_").removeprefix("google_")


def _milliseconds(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
