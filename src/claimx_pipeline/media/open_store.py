"""Opens the stores that the settings name, with one set of credentials for tables and files.

Tables (deltalake) and files (obstore) use the same Rust library and take the same
option names; obstore wants those of the HTTP client and of retries apart.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import url2pathname

from obstore.exceptions import BaseError, UnknownConfigurationKeyError
from obstore.store import LocalStore, MemoryStore, from_url

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.media.store import FileStore
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.storage import (
    FilesSettings,
    StorageSettings,
    bare_option,
)
from claimx_pipeline.system_errors import readable, reason_of

SCHEMES = frozenset({"s3", "s3a", "abfs", "abfss", "az", "azure", "adl", "gs", "file", "memory"})
"""URL schemes of stores for files."""

_CLIENT = frozenset(
    {
        "allow_http",
        "connect_timeout",
        "http1_only",
        "http2_only",
        "pool_idle_timeout",
        "pool_max_idle_per_host",
        "proxy_ca_certificate",
        "proxy_excludes",
        "proxy_url",
        "read_timeout",
        "root_certificate",
        "timeout",
        "user_agent",
    }
)
"""Options of the HTTP client. Switching the check of certificates off is none of them."""

_TABLES_ONLY = (
    "aws_s3_allow_unsafe_rename",
    "aws_s3_locking_provider",
    "delta_dynamo_",
    "backoff_config",
)
"""Beginnings of options that mean something to tables only."""

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|sec|seconds?|m|min|minutes?|)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}


def open_files(
    settings: StorageSettings, files: FilesSettings | None = None, name: str = "storage.files"
) -> FileStore:
    """Return the store in which files end.

    Args:
        settings: Options for all stores.
        files: A domain's own store; ``storage.files`` if not given.
        name: The setting of *files*, for messages.

    Raises:
        SettingsError: The setting does not name a store that can be opened.
    """
    chosen = files or settings.files
    return open_store(chosen.root, chosen.options, name, settings)


def open_cache(settings: StorageSettings, folder: str = "") -> FileStore:
    """Return the store in which a file lies between download and upload.

    Args:
        settings: Names the cache.
        folder: The part of the cache that is meant, a store of its own; all of it if empty.

    Raises:
        SettingsError: The setting does not name a store that can be opened.
    """
    root = _below(settings.cache.root, folder) if folder else settings.cache.root
    return open_store(root, settings.cache.options, "storage.cache", settings)


def _below(root: str, folder: str) -> str:
    """Return the root of *folder* in the store at *root*."""
    if "://" not in root:
        return f"{root.rstrip('/')}/{folder}"
    parts = urlsplit(root)
    return parts._replace(path=f"{parts.path.rstrip('/')}/{folder}").geturl()


def open_store(
    root: str,
    options: Mapping[str, Secret],
    name: str = "storage",
    settings: StorageSettings | None = None,
) -> FileStore:
    """Return the store at *root*; a folder is made if it is not there.

    Connects to nothing. ``memory://`` is a store of its own each time.

    Args:
        root: A folder, or a URL of one of ``SCHEMES``.
        options: As for a table's ``storage_options``; those for tables only are left out.
        name: The setting, for messages.
        settings: Options for all stores, and how long a request may take; defaults if None.

    Raises:
        SettingsError: *root* or an option cannot be used.
    """
    scheme = _scheme_of(root, name)
    if scheme == "file":
        folder = _folder_of(root, name)
        try:
            # A folder goes with its last file: the cache has one for each.
            return FileStore(str(folder), LocalStore(folder, automatic_cleanup=True, mkdir=True))
        except (BaseError, OSError) as error:
            why = f"the folder {folder} cannot be made: {reason_of(error).splitlines()[0]}"
            raise _refused(f"{name}.root", why) from error
    if scheme == "memory":
        return FileStore(root, MemoryStore())
    return _remote(root, (settings or StorageSettings()).limited(options), name)


def refuse_unusable(
    root: str, options: Mapping[str, Secret], name: str, settings: StorageSettings
) -> None:
    """See that ``open_store`` can open the store at *root*, without making its folder.

    Raises:
        SettingsError: It cannot.
    """
    scheme = _scheme_of(root, name)
    if scheme == "file":
        _folder_of(root, name)
    elif scheme != "memory":
        _remote(root, settings.limited(options), name)


def _scheme_of(root: str, name: str) -> str:
    """Return the scheme of a location; a folder has ``file``.

    Raises:
        SettingsError: It is none that is known.
    """
    if "${" in root:
        raise _refused(f"{name}.root", f"{root!r} is not resolved; set it to a folder or a URL")
    scheme = (urlsplit(root).scheme if "://" in root else "") or "file"
    if scheme not in SCHEMES:
        known = ", ".join(sorted(SCHEMES))
        raise _refused(f"{name}.root", f"the scheme {scheme!r} is unknown; known: {known}")
    return scheme


def _folder_of(root: str, name: str) -> Path:
    """Return the folder at *root*, which need not be there yet.

    Raises:
        SettingsError: A file is in its way.
    """
    path = url2pathname(urlsplit(root).path) if "://" in root else root
    folder = Path(path).expanduser().absolute()
    with readable(f"{name}.root", folder):
        there = next(each for each in (folder, *folder.parents) if each.exists())
    if not there.is_dir():
        why = f"the folder {folder} cannot be made: {there} is not a folder"
        raise _refused(f"{name}.root", why)
    return folder


def _remote(root: str, options: Mapping[str, Secret], name: str) -> FileStore:
    config, client, retries = _sorted_out(options)
    try:
        store = from_url(
            root,
            config=config,
            client_options=client,
            retry_config=retries,
        )
    except UnknownConfigurationKeyError as error:
        why = f"an option is unknown: {str(error).splitlines()[0]}"
        raise _refused("storage.options", why) from error
    except (BaseError, ValueError) as error:
        why = f"{_public(root)} cannot be used: {str(error).splitlines()[0]}"
        raise _refused(f"{name}.root", why) from error
    return FileStore(_public(root), store)


def _sorted_out(options: Mapping[str, Secret]) -> tuple[Any, Any, Any]:
    """Return the options of the store, of its HTTP client and of retries, as obstore takes them.

    Raises:
        SettingsError: One would switch the check of certificates off, or is not a number.
    """
    config: dict[str, str] = {}
    client: dict[str, str] = {}
    retries: dict[str, Any] = {}
    for key, secret in options.items():
        option = key.lower()
        bare = bare_option(key)
        if bare == "allow_invalid_certificates":
            why = f"{key!r} is not offered; give a private authority as 'root_certificate'"
            raise _refused("storage.options", why)
        if bare == "max_retries":
            retries[bare] = _count(key, secret.reveal())
        elif bare == "retry_timeout":
            retries[bare] = timedelta(seconds=_seconds(key, secret.reveal()))
        elif bare in _CLIENT:
            client[bare] = secret.reveal()
        elif not option.startswith(_TABLES_ONLY):
            config[option] = secret.reveal()
    return config, client, retries


def _count(option: str, text: str) -> int:
    if not re.fullmatch(r"\d{1,3}", text, re.ASCII):
        raise _refused("storage.options", f"{option!r} is not a number up to 999")
    return int(text)


def _seconds(option: str, text: str) -> float:
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise _refused("storage.options", f"{option!r} is not a duration such as 30s or 500ms")
    number, unit = found.groups()
    return float(number) * _SECONDS["ms" if unit == "ms" else unit[:1]]


def _public(root: str) -> str:
    """Return a URL without what must not be shown: user, password and query."""
    parts = urlsplit(root)
    at = parts.netloc.rpartition("@")
    # In abfss:// the part before the @ is the container, elsewhere a credential.
    host = parts.netloc if parts.scheme in ("abfs", "abfss") else at[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def _refused(where: str, why: str) -> SettingsError:
    return SettingsError([Problem(where, why)])
