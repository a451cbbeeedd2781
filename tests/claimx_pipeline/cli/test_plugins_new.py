"""``plugins new``: each kind installs, passes its tests and does what its README says."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.promises.how_to import Terminal
from tests.rigs.command import run

COUNTED = {
    "hook": "acme_new.notes",
    "stage-worker": "acme_new.judged",
    "alert": "claimx.actions.pending",
}
"""What the README says that the demo counts."""


@pytest.mark.parametrize("kind", ["hook", "stage-worker", "domain", "source", "alert"])
def test_the_commands_of_its_readme_run_as_they_are_written(tmp_path, kind):
    # As in a checkout of something else, whose settings of pytest are not the plugin's.
    (tmp_path / "pyproject.toml").write_text(
        '[tool.pytest.ini_options]\naddopts = "--no-such-option"\n'
    )
    made = run("plugins", "new", "acme_new", "--kind", kind, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    readme = (tmp_path / "acme_new" / "README.md").read_text()
    assert "$" not in readme
    terminal = Terminal(tmp_path)
    # Into a folder of the test: what it needs is there, and nothing is to be fetched. pip reads
    # the variable of an option that begins with "no" the other way round.
    terminal.type(
        "export PIP_TARGET=site PIP_NO_DEPS=1 PIP_NO_BUILD_ISOLATION=0 PYTHONPATH=site "
        "PYTHONDONTWRITEBYTECODE=1"
    )
    said = "".join(
        terminal.type(command)
        for block in re.findall(r"```bash\n(.*?)```", readme, re.DOTALL)
        for command in block.splitlines()
    )
    assert re.search(r"[1-9]\d* passed", said)
    assert re.search(r"acme_new\s+loaded", said)
    if kind in COUNTED:
        assert re.search(rf"{re.escape(COUNTED[kind])}\D+[1-9]", said)


@pytest.mark.incident("STR-49")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("json", "standard library"),
        ("test", "standard library"),
        ("class", "a word of Python's own"),
        ("match", "a word of Python's own"),
        ("core", "a meaning of its own"),
        ("dir", "a meaning of its own"),
        ("claimx_pipeline", "a meaning of its own"),
        ("pytest", "the distribution 'pytest' is installed"),
        ("yaml", "is installed and has that name"),
        ("pytest_asyncio", "is installed and has that name"),
        ("Acme", "use lower case letters"),
        ("a-b", "use lower case letters"),
        ("1a", "use lower case letters"),
        ("", "use lower case letters"),
    ],
)
def test_a_name_that_could_never_load_is_refused(tmp_path, name, said):
    done = run("plugins", "new", name, cwd=tmp_path)
    assert done.returncode == 2
    assert "cannot be the name of a package" in done.stderr
    assert said in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.incident("STR-49")
def test_what_is_to_be_typed_next_can_be_typed(tmp_path):
    folder = tmp_path / "with blanks"
    done = run("plugins", "new", "acme_new", "--dir", str(folder), cwd=tmp_path)
    (line,) = [each for each in done.stderr.splitlines() if each.startswith("next: ")]
    pip = line.removeprefix("next: ").split("; ")[0]
    shown = subprocess.run(
        ["bash", "-c", pip.replace("pip install", "printf %s")], capture_output=True, text=True
    )
    target = shown.stdout.removesuffix("[test]")
    assert Path(target) == folder / "acme_new"
    assert (Path(target) / "pyproject.toml").is_file()
