"""What the files of a domain are: which there are, where from and where to.

A domain without files has none of this; the three workers of files are made from it, once
for each domain that has some.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.errors import Problem
from claimx_pipeline.media.cache_folders import folder_of
from claimx_pipeline.media.codec import FileCodec
from claimx_pipeline.media.guard import HostPort
from claimx_pipeline.media.known_files import store_name
from claimx_pipeline.media.links import LinkSource
from claimx_pipeline.media.messages import DownloadResult, DownloadTask
from claimx_pipeline.media.topics import FileTopics
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.settings.tree.storage import FilesSettings

if TYPE_CHECKING:
    from claimx_pipeline.connections.registry import Connections
    from claimx_pipeline.media.store import FileStore

__all__ = ["FILE_KINDS", "DomainFiles", "FileFlow", "FilesSettings", "LinkParts"]

FILE_KINDS = frozenset({"download", "upload", "results"})
"""Kinds of workers of files, and the sets of them: each has the worker of every domain."""


class LinkParts(Protocol):
    """What a domain's source of links is made from."""

    @property
    def settings(self) -> Settings:
        """All settings."""
        ...

    @property
    def clock(self) -> Clock:
        """The one clock."""
        ...

    @property
    def connections(self) -> Connections:
        """The named connections."""
        ...


def _shared_store(settings: Settings) -> FilesSettings:
    return settings.storage.files


@frozen(kw_only=True)
class DomainFiles:
    """The files of a domain."""

    key_name: str
    """The domain's word for an event's key: the name of its field in the messages of files."""
    tasks: Callable[[Any, Any, Settings, datetime], list[DownloadTask]]
    """Returns which files an event and its rows bring, each with its path: event, rows by
    kind, settings, and the time now."""
    hosts: Callable[[Settings], Sequence[str]]
    """Returns the hosts that files may come from, exactly: ``host`` (port 443) or
    ``host:port``. ``media.development_hosts`` are allowed besides."""
    table: TableSpec
    """Has a row of every file that was stored or failed."""
    row: Callable[[DownloadResult, datetime], Mapping[str, Any]]
    """Returns the row of a result; the second argument is the time now."""
    links: Callable[[LinkParts], LinkSource] | None = None
    """Makes what is asked for a new link when one has ended. None if nothing hands out new
    ones: a file whose link has ended is then a dead letter that says so."""
    settings: tuple[str, ...] = ()
    """Dotted prefixes of the domain's own settings that its workers of files need."""
    check: Callable[[Settings, str], Sequence[Problem]] = field(default=lambda _, __: ())
    """Returns what is missing in the settings before the worker of that name can renew links."""
    store: Callable[[Settings], FilesSettings] = _shared_store
    """Returns where files are stored, if not below ``storage.files.root``: that section with
    another root, ``evolve(settings.storage.files, root=…)``."""
    cache_folder: str | None = None
    """Its part of the cache: a folder of its own by the domain's name if not given, the root
    if empty."""


@frozen
class FileFlow:
    """What the three workers of one domain's files have in common."""

    domain: str
    """The domain's name."""
    worker_prefix: str
    """In front of the names of its workers."""
    topics: FileTopics
    """Topics of its files."""
    files: DomainFiles
    """What the domain says of its files."""
    codec: FileCodec = field(init=False)
    """Reads and writes its messages."""

    @codec.default
    def _codec(self) -> FileCodec:
        return FileCodec(self.files.key_name, self.domain, self.topics)

    @property
    def family(self) -> str:
        """Prefix of the retry topics."""
        return f"{self.domain}.downloads"

    def worker(self, kind: str) -> str:
        """Return the name of its worker of a kind: ``download``, ``upload`` or ``results``."""
        return f"{self.worker_prefix}{kind}"

    @property
    def store_settings(self) -> tuple[str, ...]:
        """Prefixes of the settings that storing a file needs."""
        own = () if self.files.store is _shared_store else self.files.settings
        return ("storage", *own)

    def sets(self, kind: str) -> frozenset[str]:
        """Return the sets that its worker of a kind belongs to."""
        return frozenset({self.domain, kind})

    def hosts(self, settings: Settings) -> tuple[str, ...]:
        """Return the hosts that files may come from."""
        return tuple(self.files.hosts(settings))

    def wrong_hosts(self, settings: Settings) -> list[Problem]:
        """Return a problem for each of the hosts that is not a valid one."""
        found = []
        for host in self.hosts(settings):
            try:
                HostPort.parse(host)
            except ValueError as error:
                found.append(Problem(f"hosts of the files of {self.domain}", str(error)))
        return found

    def cache(self, settings: Settings) -> FileStore:
        """Return its part of the cache, not connected.

        Raises:
            SettingsError: ``storage.cache`` does not name a store that can be opened.
        """
        from claimx_pipeline.media.open_store import open_cache  # noqa: PLC0415 - slow to import

        return open_cache(settings.storage, self._folder)

    def store(self, settings: Settings) -> FileStore:
        """Return the store in which its files end, not connected.

        Raises:
            SettingsError: The setting does not name a store that can be opened.
        """
        chosen = self.files.store(settings)
        from claimx_pipeline.media.open_store import open_files  # noqa: PLC0415 - slow to import

        return open_files(settings.storage, chosen, self._setting_of_store(settings))

    def store_name(self, settings: Settings) -> str:
        """Return what tells the store of its files from another; without credentials."""
        chosen = self.files.store(settings)
        return store_name(chosen.root, {**settings.storage.options, **chosen.options})

    def _setting_of_store(self, settings: Settings) -> str:
        if self.files.store(settings) is settings.storage.files:
            return "storage.files"
        return f"the store of the files of {self.domain}"

    def refuse_unusable_cache(self, settings: Settings) -> None:
        """See that the cache can be opened; nothing is made and nothing is connected to.

        Raises:
            SettingsError: It cannot.
        """
        from claimx_pipeline.media.open_store import refuse_unusable  # noqa: PLC0415 - slow to import

        storage = settings.storage
        refuse_unusable(storage.cache.root, storage.cache.options, "storage.cache", storage)

    def refuse_unusable_store(self, settings: Settings) -> None:
        """See that the store of its files can be opened, in the same way.

        Raises:
            SettingsError: It cannot.
        """
        from claimx_pipeline.media.open_store import refuse_unusable  # noqa: PLC0415 - slow to import

        chosen = self.files.store(settings)
        refuse_unusable(
            chosen.root, chosen.options, self._setting_of_store(settings), settings.storage
        )

    def partial_files(self, settings: Settings) -> Path:
        """Return the folder of its files under way."""
        return Path(settings.media.work_dir) / self._folder

    @property
    def _folder(self) -> str:
        chosen = self.files.cache_folder
        return folder_of(self.domain) if chosen is None else chosen
