"""What a release consists of agrees with itself, and no page leads to somebody else's package."""

import importlib.metadata
import re
import tomllib
from collections.abc import Collection
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
CORE = ROOT / "pyproject.toml"
PLUGIN = ROOT / "src" / "itel_cabinet_plugin" / "pyproject.toml"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *(
        page
        for room in ("docs", "examples", "src")
        for page in sorted((ROOT / room).rglob("*.md*"))
    ),
]
"""Every page of the repository that a reader meets, generated plugins' included."""


def version() -> str:
    """The version of both, as ``_version.py`` has it."""
    text = (ROOT / "src" / "claimx_pipeline" / "_version.py").read_text()
    return re.search(r'^__version__ = "(.+)"$', text, re.MULTILINE)[1]


def project(file: Path) -> dict:
    return tomllib.loads(file.read_text())


PEERS = "peers"
"""The group that has constraints of its own: it holds back what the others need too."""


def requirements(file: Path, only: Collection[str] | None = None) -> list[Requirement]:
    """Everything that the distribution of *file* and work on it need; of groups *only* those."""
    content = project(file)
    groups = content.get("dependency-groups", {})
    kept = groups.keys() - {PEERS} if only is None else only
    asked = (each for name in sorted(kept) for each in groups.get(name, ()))
    named = [*content["project"]["dependencies"], *asked]
    return [Requirement(each) for each in named if isinstance(each, str)]


@pytest.mark.parametrize("file", [CORE, PLUGIN], ids=["core", "plugin"])
def test_both_distributions_take_their_version_from_one_file(file):
    content = project(file)
    assert content["project"]["dynamic"] == ["version"]
    source = file.parent / content["tool"]["hatch"]["version"]["path"]
    assert source.resolve() == ROOT / "src" / "claimx_pipeline" / "_version.py"


def test_the_plugin_asks_for_the_core_of_its_own_minor_version():
    core = next(each for each in requirements(PLUGIN) if each.name == "claimx-pipeline")
    major, minor, *_ = Version(version()).release
    assert core.specifier.contains(version(), prereleases=True)
    assert not core.specifier.contains(f"{major}.{minor + 1}.0")


def test_the_changelog_begins_with_the_version_under_way():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert re.fullmatch(
        rf"{re.escape(version())} (\(unreleased\)|- \d{{4}}-\d\d-\d\d)", headings[0]
    )


def unnamed(asked: list[Requirement], constraints: Path) -> list[str]:
    """What of *asked* has no allowed version in a file of constraints."""
    lines = constraints.read_text().splitlines()
    named = [Requirement(line) for line in lines if line and not line.startswith("#")]
    pinned = {}
    for each in named:
        pinned.setdefault(canonicalize_name(each.name), []).append(
            next(iter(each.specifier)).version
        )
    return [
        str(each)
        for each in asked
        if each.name != "claimx-pipeline"
        and not all(
            each.specifier.contains(found, prereleases=True)
            for found in pinned.get(canonicalize_name(each.name), ["0"])
        )
    ]


@pytest.mark.parametrize("file", [CORE, PLUGIN], ids=["core", "plugin"])
def test_the_constraints_name_an_allowed_version_of_every_requirement(file):
    wrong = unnamed(requirements(file), ROOT / "constraints.txt")
    assert not wrong, "run 'nox -s constraints', then the tests"


@pytest.mark.parametrize("file", [CORE, PLUGIN], ids=["core", "plugin"])
def test_the_constraints_of_the_peers_name_an_allowed_version_of_all_that_they_run_with(file):
    asked = requirements(file, only=("bench", "tests", PEERS))
    wrong = unnamed(asked, ROOT / "benchmarks" / "peers" / "constraints.txt")
    assert not wrong, "run 'nox -s constraints', then 'nox -s peers'"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_fetches_either_name_from_an_index(page):
    """A name on a public index belongs to the one who took it first."""
    fetched = r"pip install[^\n`]* (claimx-pipeline|itel-cabinet-plugin)\b"
    assert not re.search(fetched, page.read_text()), "say where it comes from: how-to/release.md"


def linked(page: Path) -> list[str]:
    """The files that *page* links to, as it spells them; code is no link."""
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)\s]+)\)", text)
    return [target.split("#")[0] for target in targets if not re.match(r"[a-z]+:|#", target)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_links_to_is_there(page):
    assert not [target for target in linked(page) if not (page.parent / target).exists()]


def test_the_workflow_runs_sessions_that_exist_on_every_supported_python():
    jobs = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]
    sessions = set(
        re.findall(r"^def (\w+)\(session", (ROOT / "noxfile.py").read_text(), re.MULTILINE)
    )
    asked = {
        session for job in jobs.values() for session in job["strategy"]["matrix"].get("session", [])
    }
    assert asked <= sessions
    classifiers = project(CORE)["project"]["classifiers"]
    supported = re.findall(r"Python :: (3\.\d+)", "\n".join(classifiers))
    assert jobs["tests"]["strategy"]["matrix"]["python"] == supported


def test_the_workflow_uses_actions_by_their_commit_and_may_only_read():
    text = (ROOT / ".github" / "workflows" / "ci.yml").read_text()
    used = re.findall(r"uses: (\S+)", text)
    assert used
    assert not [each for each in used if not re.search(r"@[0-9a-f]{40}$", each)]
    assert yaml.safe_load(text)["permissions"] == {"contents": "read"}
    assert text.count("permissions:") == 1


def test_what_is_installed_says_the_same_version():
    """An editable installation keeps the version that it was made with: make it again."""
    files = importlib.metadata.files("claimx-pipeline") or []
    if any(file.name.endswith(".pth") or "editable" in file.name for file in files):
        pytest.skip("installed as editable: its metadata are as old as the installation")
    assert importlib.metadata.version("claimx-pipeline") == version()
