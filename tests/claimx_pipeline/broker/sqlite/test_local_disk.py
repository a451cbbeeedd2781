"""The embedded broker stays off network disks."""

from __future__ import annotations

import pytest

from claimx_pipeline.broker.sqlite.local_disk import refuse_network_disk
from claimx_pipeline.errors import SettingsError


@pytest.mark.parametrize(
    ("kind", "options"),
    [("nfs4", "rw"), ("cifs", "rw"), ("fuse.sshfs", "rw"), ("9p", "rw,aname=drvfs;path=C:")],
)
def test_a_network_disk_is_refused_in_one_sentence(tmp_path, kind, options):
    mounts = tmp_path / "mounts"
    share = str(tmp_path / "my share").replace(" ", r"\040")
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nserver:/x {share} {kind} {options} 0 0\n")
    refuse_network_disk(tmp_path / "broker.db", mounts)
    with pytest.raises(SettingsError, match=rf"broker\.url: .*\({kind}\).*kafka://"):
        refuse_network_disk(tmp_path / "my share" / "data" / "broker.db", mounts)


def test_a_local_disk_inside_a_network_disk_is_allowed(tmp_path):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"s:/x / nfs rw 0 0\n/dev/sda {tmp_path} ext4 rw 0 0\n")
    refuse_network_disk(tmp_path / "broker.db", mounts)


def test_a_link_to_a_network_disk_is_seen_through(tmp_path):
    (tmp_path / "share").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "share")
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\ns:/x {tmp_path}/share nfs rw 0 0\n")
    with pytest.raises(SettingsError):
        refuse_network_disk(tmp_path / "link" / "broker.db", mounts)


def test_a_system_without_a_mount_table_refuses_nothing(tmp_path):
    refuse_network_disk(tmp_path / "broker.db", tmp_path / "missing")
