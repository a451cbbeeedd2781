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

    files: FilesSettings = field(factory=FilesSettings)
    """Where files end."""

    cache: CacheSettings = field(factory=CacheSettings)
    """Where a file lies between download and upload."""
