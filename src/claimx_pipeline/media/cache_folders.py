"""Which part of the cache is whose.

Each domain has a folder of its own, in which its files lie by owner. The first domain had
the cache for itself and still has its root, by owner too: so the folders of the others are
below one whose name no owner's folder has (``names.safe_id`` begins with no underscore but
for the names of devices).
"""

from __future__ import annotations

OTHER_DOMAINS = "_domains"
"""Folder of the cache below which the domains that have not its root have theirs."""


def folder_of(domain: str) -> str:
    """Return the folder of *domain* in the cache, and in the folder of partial files."""
    return f"{OTHER_DOMAINS}/{domain}"


def is_of_another(path: str) -> bool:
    """Return whether *path*, in a domain's own part of the cache, is of another domain."""
    return path.startswith(f"{OTHER_DOMAINS}/")
