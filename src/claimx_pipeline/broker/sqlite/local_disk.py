"""Tells a local disk from a network disk."""

from __future__ import annotations

from pathlib import Path

from claimx_pipeline.broker.url import SETTING
from claimx_pipeline.errors import Problem, SettingsError

MOUNTS = Path("/proc/mounts")
NETWORK_TYPES = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre", "gpfs"}
    | {
        "beegfs",
        "ocfs2",
        "gfs2",
        "davfs",
        "fuse.sshfs",
        "fuse.s3fs",
        "fuse.rclone",
        "fuse.blobfuse",
    }
    | {"fuse.blobfuse2", "fuse.goofys", "fuse.glusterfs", "fuse.ceph", "fuse.gcsfuse", "fuse.davfs"}
)
WINDOWS_DRIVE = "aname=drvfs"
"""How WSL marks a Windows folder that it shows through its own network file system."""


def refuse_network_disk(path: Path, mounts: Path = MOUNTS) -> None:
    """Refuse to keep the embedded broker on a network disk.

    SQLite's write-ahead log shares memory between processes, which a network file system
    does not do: https://sqlite.org/wal.html. Where there is no ``/proc/mounts`` (not
    Linux) nothing is refused.

    Raises:
        SettingsError: *path* is on a network disk.
    """
    if not mounts.exists():
        return
    kind = _file_system(path.absolute().resolve(), mounts.read_text())
    if kind is not None:
        what = (
            f"{str(path)!r} is on a network disk ({kind}), where the embedded broker can lose "
            "records; put it on a local disk or use kafka://HOST:PORT"
        )
        raise SettingsError([Problem(SETTING, what)])


def _file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the network file system that *path* is on, if it is on one."""
    best, found = -1, None
    for line in mounts.splitlines():
        _, point, kind, options, *_ = line.split(" ")
        folder = Path(point.encode().decode("unicode_escape"))
        # The last of equally long ones is mounted over the others.
        if path.is_relative_to(folder) and len(folder.parts) >= best:
            best = len(folder.parts)
            network = kind in NETWORK_TYPES or WINDOWS_DRIVE in options
            found = kind if network else None
    return found
