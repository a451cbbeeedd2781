"""The one check: it builds everything, reports every problem, and a start says the same."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from attrs import frozen

import claimx_pipeline
from claimx_pipeline import SettingsError
from claimx_pipeline.assembly import Sources
from claimx_pipeline.errors import ClaimxError, Problem
from claimx_pipeline.operations import check_settings, start
from tests.rigs.broken_installations import BROKEN, GIVEN

CORE = Path(claimx_pipeline.__file__).parent

REFUSES = ("SettingsError", "PluginLoadError", "HookFailedError", "ClaimxError", "UsageError")
REFUSES += ("TableError", "UnknownTableError", "Problem", "_refused")
"""What a call of is a refusal, or a part of one."""

ROOMS = (
    *("assembly.py", "parts.py", "pipeline.py", "trial.py", "topics.py", "name_checks.py"),
    *("plugins", "stages", "workers", "claimx/task_trigger", "settings/loader.py"),
    *("connections/checks.py", "connections/credential.py", "connections/registry.py"),
    *("delta/location.py", "delta/schemas.py", "delta/store.py", "media/open_store.py"),
    *("domain", "broker/url.py", "claimx/api.py", "broker/kafka/security.py"),
)
"""What refuses settings and plugins; the loading of the settings has tests for each sentence."""

ELSEWHERE = {
    "claimx/api.py:_connection": "the check of the worker has refused it before",
    "claimx/api.py:connection_settings": "the check of the worker has refused it before",
    "broker/kafka/security.py:_tls_context": "files: tests/claimx_pipeline/broker/kafka",
    "broker/kafka/security.py:_oauth_problems": "tests/claimx_pipeline/broker/kafka",
    "broker/kafka/security.py:_tls_problems": "tests/claimx_pipeline/broker/kafka",
    "connections/credential.py:check_connection": "most of it is refused as settings are read",
    "connections/credential.py:token_url_problems": "most of it is refused as settings are read",
    "assembly.py:_missing_directory": "a warning",
    "plugins/host/loading.py:_registered": "a warning",
    "plugins/host/loading.py:_load": "the other half is a warning; see 'cannot be loaded'",
    "connections/registry.py:get": "what names a connection was refused before",
    "delta/location.py:_missing": "a table that is not there; no setting",
    "delta/location.py:locate": "a variable without value is not text any more",
    "delta/schemas.py:refuse_forgetting": "what is stored; no setting",
    "delta/schemas.py:refuse_differences": "what is stored; no setting",
    "delta/schemas.py:stored_form": "what is stored; no setting",
    "delta/store.py:spec": "asked for by a person",
    "delta/store.py:set_positions": "while a worker runs",
    "media/open_store.py:open_store": "what only the disk says",
    "media/open_store.py:_scheme_of": "a variable without value is not text any more",
    "domain/domain.py:reading": "while a worker is built: test_odd_domains",
    "domain/files.py:wrong_hosts": "test_files_of_domains",
    "domain/spreading.py:within_buckets": "tests/claimx_pipeline/domain/test_spreading.py",
    "plugins/host/given.py:given_plugins": "given by a program: tests/claimx_pipeline/library",
    "plugins/host/given.py:_name": "given by a program: tests/claimx_pipeline/library",
    "name_checks.py:_read_dead_letters": "a warning",
    "name_checks.py:_judge": "the other half is a warning",
    "pipeline.py:require": "raises what the check has found",
    "plugins/host/calling.py:asks_again": "while a worker runs",
    "plugins/host/calling.py:failed": "while a worker runs",
    "plugins/host/directory.py:module_of_file": "a file that Python cannot name",
    "plugins/host/heard_domains.py:unheard": "a warning",
    "plugins/literals.py:_warning": "a warning",
    "stages/delta.py:open": "the check has refused it before",
    "settings/loader.py:_section_problems": "test_loader; the plugin has been refused before",
    "settings/loader.py:plugins_settings": "test_loader",
}
"""Function to why no broken installation below shows what it says."""


@frozen
class Site:
    """One place in the code that refuses something."""

    file: str
    function: str
    first: int
    last: int


def sites() -> list[Site]:
    """Return every place of ``ROOMS`` that makes a refusal."""
    found = []
    for room in ROOMS:
        path = CORE / room
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            name = str(file.relative_to(CORE))
            found += [Site(name, *at) for at in _calls(ast.parse(file.read_text()), "")]
    return found


def _calls(node: ast.AST, function: str) -> Iterator[tuple[str, int, int]]:
    for child in ast.iter_child_nodes(node):
        inner = function
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef)):
            inner = child.name
        called = child.func if isinstance(child, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in REFUSES:
            yield inner, child.lineno, child.end_lineno
        yield from _calls(child, inner)


@contextmanager
def noting(seen: set[tuple[str, int]]) -> Iterator[None]:
    """Note every line that makes a refusal, or has one made, meanwhile."""

    def note() -> None:
        frame = sys._getframe(2)
        for _ in range(4):
            if frame is None:
                return
            file = Path(frame.f_code.co_filename)
            if file.is_relative_to(CORE):
                seen.add((str(file.relative_to(CORE)), frame.f_lineno))
            frame = frame.f_back

    made, problem = ClaimxError.__new__, Problem.__init__

    def new(kind, *given, **named):
        note()
        return made(kind)

    def init(self, *given, **named):
        note()
        problem(self, *given, **named)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ClaimxError, "__new__", new)
        patch.setattr(Problem, "__init__", init)
        yield


@frozen
class Found:
    """What the check said about an installation."""

    folder: Path
    sources: Sources
    problems: list[str]
    started: list[str]
    """What a start said."""
    made: set[str]
    """Files that were made meanwhile."""


@pytest.fixture(scope="module")
def checks(tmp_path_factory) -> tuple[dict[str, Found], set[tuple[str, int]]]:
    """What is said about every installation, and the lines that said it."""
    found, seen = {}, set()
    for name, installation in BROKEN.items():
        folder = tmp_path_factory.mktemp("broken")
        sources = Sources(None, installation.write(folder), {}, folder)
        before = files(folder)
        with noting(seen):
            problems = said(check_settings(sources, every=True).problems)
        started: list[str] = []
        try:
            start(sources, every=True)
        except SettingsError as error:
            started = said(error.problems)
        found[name] = Found(folder, sources, problems, started, files(folder) - before)
    return found, seen


def files(folder: Path) -> set[str]:
    return {str(each) for each in folder.rglob("*") if "__pycache__" not in each.parts}


def said(problems) -> list[str]:
    return [str(problem) for problem in problems]


@pytest.mark.incident("STR-41")
@pytest.mark.incident("STR-45")
@pytest.mark.incident("STR-46")
@pytest.mark.incident("STR-47")
@pytest.mark.incident("STR-48")
@pytest.mark.incident("STR-51")
@pytest.mark.incident("STR-52")
@pytest.mark.incident("STR-66")
@pytest.mark.parametrize("name", BROKEN)
def test_every_problem_is_reported_at_once_and_by_a_start_as_well(checks, name):
    found = checks[0][name]
    expected = [each.replace("FOLDER", str(found.folder)) for each in BROKEN[name].said]
    missed = [each for each in expected if not any(each in problem for problem in found.problems)]
    assert missed == [], "\n".join(found.problems)
    assert found.started == found.problems
    assert found.made == set(), "a check makes nothing on disk"


def test_every_refusal_in_the_code_is_shown_by_a_broken_installation(checks):
    """A new one needs an installation that meets it, in tests/rigs/broken_installations.py."""
    _, seen = checks
    by_file = {}
    for file, line in seen:
        by_file.setdefault(file, set()).add(line)
    missed = [
        f"{site.file}:{site.first} in {site.function}"
        for site in sites()
        if f"{site.file}:{site.function}" not in ELSEWHERE
        and not any(site.first <= line <= site.last for line in by_file.get(site.file, ()))
    ]
    assert missed == [], "\n".join(missed)


def test_what_is_left_out_of_the_walk_exists():
    functions = {f"{site.file}:{site.function}" for site in sites()}
    assert ELSEWHERE.keys() - functions == set()


def test_spans_that_cannot_be_made_are_reported_by_the_check(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.resources", None)
    monkeypatch.delitem(sys.modules, "claimx_pipeline.telemetry.tracing", raising=False)
    (tmp_path / "claimx.yaml").write_text("tracing: {endpoint: 'http://127.0.0.1:4318'}\n")
    found = check_settings(Sources(None, GIVEN, {}, tmp_path), every=True).problems
    (problem,) = [each for each in found if each.where == "tracing.endpoint"]
    assert "pip install 'claimx-pipeline[otel]'" in problem.what
