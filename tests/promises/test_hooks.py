"""Every hook is documented, each in its own words, and its example works."""

import ast
import inspect
import textwrap
import types
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pluggy
import pytest
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    FileContext,
    PluginResult,
    Problem,
    Settings,
    SettingsSection,
    SystemClock,
    WorkerSpec,
    hookspecs,
)
from claimx_pipeline.domain import Domain, DomainExtension
from claimx_pipeline.hooks import Alert, Command, Dashboard, FormerMetric
from claimx_pipeline.hooks.moments import DeadLetterContext, RowsCommitted, WorkerReadiness
from claimx_pipeline.media import CachedFile, DownloadResult
from claimx_pipeline.plugins.host.dispatch import EVENT_HOOKS, Dispatcher
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.sources import SourceSpec
from claimx_pipeline.tables import NamedQuery, OldTable, TableSpec
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.testing import SimulatedEvents, SimulatedRoute, World
from tests.pages.hooks import hooks_page, signature_of

HOOKS = [
    function
    for name, function in inspect.getmembers(hookspecs, inspect.isfunction)
    if name.startswith("claimx_")
]
SRC = Path(hookspecs.__file__).parent
AT = datetime(2026, 1, 1, tzinfo=UTC)
FILE = {
    "media_id": "5",
    "project_id": "1",
    "event_id": "e",
    "download_url": "https://files.example.com/x",
    "blob_path": "1/5/report.pdf",
    "checksum": "abc",
    "content_type": "application/pdf",
}
FILES = {
    "claimx_download_complete": CachedFile(
        **FILE, bytes_downloaded=1, cache_path="c", downloaded_at=AT
    ),
    "claimx_upload_complete": DownloadResult(**FILE, status="completed", created_at=AT),
}
"""What the hooks of files are called about."""
MOMENTS = {
    "claimx_dead_letter": DeadLetterContext(
        worker="w", topic="t.dlq", origin="t/0/1", group="g", kind="record", plugin="",
        category="bug", error_type="ValueError", error="no", attempts=1, first_failed="",
        record_key=b"k", record_value=b"v",
    ),
    "claimx_rows_committed": RowsCommitted(
        worker="w", tables={"claimx_projects": 2}, positions={"t/0": 7}
    ),
    "claimx_worker_readiness": WorkerReadiness(
        worker="w", state="waiting", reason="the broker", before="ready", seconds=700.0, since=""
    ),
}  # fmt: skip
"""What the hooks that are about no event are called about."""


def name(hook) -> str:
    return hook.__name__


def example(hook) -> str:
    text = inspect.getdoc(hook).split("Example::")[1]
    return textwrap.dedent(text)


def loaded(hook) -> pluggy.PluginManager:
    """Load the example as a plugin."""
    module = types.ModuleType(f"example_of_{hook.__name__}")
    exec(compile(example(hook), module.__name__, "exec"), vars(module))
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(module, name="example")
    manager.check_pending()
    return manager


def worker() -> WorkerSpec:
    (implementation,) = loaded(
        hookspecs.claimx_register_workers
    ).hook.claimx_register_workers.get_hookimpls()
    (made,) = implementation.function(Settings())
    return made


@pytest.mark.parametrize("hook", HOOKS, ids=name)
def test_a_hook_says_when_with_what_and_what_failure_means(hook):
    doc = inspect.getdoc(hook)
    arguments = list(inspect.signature(hook).parameters)
    assert "Called " in doc, "when"
    assert "Returns:" in doc
    assert "Raises:" in doc
    assert "Example::" in doc
    assert bool(arguments) == ("Args:" in doc)
    assert not [each for each in arguments if f"    {each}: " not in doc]
    assert all(
        each.annotation is not each.empty for each in inspect.signature(hook).parameters.values()
    )


def test_no_two_hooks_are_documented_alike():
    firsts = [inspect.getdoc(hook).splitlines()[0] for hook in HOOKS]
    assert len(set(firsts)) == len(firsts) == 26


@pytest.mark.parametrize("hook", HOOKS, ids=name)
async def test_the_example_of_a_hook_works(hook):
    manager = loaded(hook)
    (implementation,) = getattr(manager.hook, hook.__name__).get_hookimpls()
    event = Event("e", "PROJECT_CREATED", "1", datetime(2026, 1, 1, tzinfo=UTC))
    context = EnrichmentContext(event, EntityRows(projects=[{"project_id": "1", "city": "A"}]))
    if hook.__name__ in FILES:
        context = FileContext(FILES[hook.__name__], hook.__name__.removeprefix("claimx_"))
    context = MOMENTS.get(hook.__name__, context)
    given = {"settings": Settings(), "clock": SystemClock(), "context": context}
    given |= {"kind": "contacts", "row": {"contact_email": "a@example.com"}}
    if "world" in implementation.argnames:
        given["world"] = World(7)
    if "worker" in implementation.argnames:
        given["worker"] = worker()
    answer = implementation.function(*(given[each] for each in implementation.argnames))
    if inspect.isawaitable(answer):
        answer = await answer
    expected = {
        "claimx_register_settings": SettingsSection,
        "claimx_register_domains": Domain,
        "claimx_extend_domains": DomainExtension,
        "claimx_register_tables": TableSpec,
        "claimx_register_workers": WorkerSpec,
        "claimx_register_sources": SourceSpec,
        "claimx_extend_simulation": SimulatedRoute | SimulatedEvents,
        "claimx_register_queries": NamedQuery,
        "claimx_register_old_tables": OldTable,
        "claimx_register_commands": Command,
        "claimx_register_monitoring": (Alert, Dashboard, FormerMetric),
        "claimx_check_settings": Problem,
        "claimx_enrichment_complete": PluginResult,
    }.get(hook.__name__)
    if expected is not None:
        things = list(answer) if isinstance(answer, (list, types.GeneratorType)) else [answer]
        assert all(isinstance(thing, expected) for thing in things)
    if hook.__name__ in (*EVENT_HOOKS, *MOMENTS, "claimx_enrichment_starting"):
        metrics = PluginMetrics(CollectorRegistry())
        dispatcher = Dispatcher.of(
            PluginSet(manager), rules=PublishRules(), clock=SystemClock(), metrics=metrics
        )
        done = await dispatcher.ask(hook.__name__, context)
        dispatcher.close()
        assert (len(done.publish), done.failed) == (1, [])


def test_every_hook_is_called_by_the_product():
    """A hook that nobody calls is a promise that nobody keeps."""
    called = {
        node.value
        for file in SRC.rglob("*.py")
        if file.name != "hookspecs.py"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    } | {
        node.attr
        for file in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Attribute)
    }
    assert {hook.__name__ for hook in HOOKS} <= called


REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "hooks.md"


def test_the_reference_has_a_section_for_each_hook_with_its_signature():
    """Written by ``nox -s reference`` from the docstrings."""
    assert REFERENCE.read_text(encoding="utf-8") == hooks_page()


@pytest.mark.parametrize("hook", HOOKS, ids=name)
def test_the_reference_has_the_exact_signature_of_each_hook(hook):
    assert f"## `{hook.__name__}`" in hooks_page()
    assert signature_of(hook) in hooks_page()


@pytest.mark.parametrize("hook", HOOKS, ids=name)
def test_a_hook_has_a_test_of_its_own(hook):
    """A plugin of a test, beyond the example in the docstring, implements or calls it."""
    tests = Path(__file__).parents[1]
    places = [
        file
        for file in tests.rglob("test_*.py")
        if file != Path(__file__) and hook.__name__ in file.read_text(encoding="utf-8")
    ]
    assert places, f"no test names {hook.__name__}"


@pytest.mark.incident("PLG-06")
def test_nothing_in_the_product_pretends():
    """Doubles are chosen by address: there is no mode in which the product only acts as if."""
    modes = {"simulation", "simulation_mode", "dry_run_mode", "mock", "fake", "test_mode"}
    fields = {
        f"{kind.__name__}.{each.name}"
        for kind in (Settings, *_inner(Settings))
        for each in attrs.fields(kind)
        if each.name in modes
    }
    assert fields == set()


def _inner(kind, seen=None):
    seen = set() if seen is None else seen
    attrs.resolve_types(kind)
    for each in attrs.fields(kind):
        if isinstance(each.type, type) and attrs.has(each.type) and each.type not in seen:
            seen.add(each.type)
            _inner(each.type, seen)
    return seen
