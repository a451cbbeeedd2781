"""``claimx-run export`` as it is typed."""

from tests.rigs.command import run


def test_units_are_written_for_the_paths_that_are_given(tmp_path):
    done = run("export", "systemd", "out", "--program", "/srv/run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    unit = "out/claimx-ingest-worker.service"
    assert f"wrote {unit}\n" in done.stdout
    assert "ExecStart=/srv/run --config" in (tmp_path / unit).read_text()
