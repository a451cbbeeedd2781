"""Paths that every store takes, and the path that a domain's setting gives a file."""

from __future__ import annotations

import re

from claimx_pipeline.media.names import safe_id, safe_name

LONGEST_NAME = 240
"""Bytes of a name between two slashes: 255 on common disks, less what obstore adds."""

_STAGED = re.compile(r"#\d+$")


def may_be(path: str) -> bool:
    """Tell whether a file may have this path in every store.

    obstore takes ``/a`` for ``a``, writes no local file whose name ends in ``#`` and a
    number, and reports a name that is too long for a folder like a failing disk.
    """
    parts = path.split("/")
    return not any(
        part in ("", ".", "..") or len(part.encode()) > LONGEST_NAME or _STAGED.search(part)
        for part in parts
    )


def target_path(template: str, project_id: str, media_id: str, file_name: str) -> str:
    """Return where a file is put: no two files share a path, and none leads out.

    Args:
        template: The domain's setting, checked when it was read.
        project_id: The project.
        media_id: The file.
        file_name: What it is called outside; empty if it has no name.
    """
    return template.format(
        project_id=safe_id(project_id),
        media_id=safe_id(media_id),
        file_name=safe_name(file_name, f"media_{safe_id(media_id)}"),
    )
