"""Asking for a file on behalf of another owner than the domain itself."""

from __future__ import annotations

from claimx_pipeline.media.messages import DownloadTask
from claimx_pipeline.media.paths import why_not

LONGEST_OWNER = 100
"""Characters; an owner is part of keys and paths."""


def checked(task: DownloadTask, domain: str) -> DownloadTask:
    """Return *task*, which another owner than *domain* itself asks for.

    Raises:
        ValueError: The owner is the domain itself, a field that must say something is
            empty, or the path is not one that every store takes.
    """
    if task.owner == domain:
        raise ValueError(
            f"owner {domain!r} is the pipeline itself; ask for files under a name of your own"
        )
    if len(task.owner) > LONGEST_OWNER:
        raise ValueError(f"an owner has at most {LONGEST_OWNER} characters, not {len(task.owner)}")
    for name in ("owner", "media_id", "key", "event_id", "download_url", "blob_path"):
        if not getattr(task, name):
            shown = task.key_name or name if name == "key" else name
            raise ValueError(f"{shown} of a file that is asked for must not be empty")
    if refusal := why_not(task.blob_path):
        raise ValueError(refusal)
    return task
