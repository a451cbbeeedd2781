"""No domain is privileged: what is named for ClaimX is in ClaimX's own part.

Names are those of its topics, tables, event types and its word for an event's key. The brand is
another matter: the package, the command, ``claimx_`` in front of hooks, ``CLAIMX_`` in front of
variables.
"""

import re
from pathlib import Path

import pytest

from claimx_pipeline import SystemClock
from claimx_pipeline.claimx.domain import CLAIMX

CORE = Path(__file__).parents[2] / "src" / "claimx_pipeline"
OWN = ("claimx/", "simulator/", "builtin.py", "settings/tree/claimx.py")
"""ClaimX itself, its stand-in for tests and demos, what registers it, its section."""
WORDS = {
    "settings/templates/": "files that ``claimx-run init`` writes for users of ClaimX",
    "cli/examples.py": "commands as a user of ClaimX types them, at the end of each help",
    "cli/new_plugin/": "the example of a plugin that ``claimx-run plugins new`` writes",
    "hookspecs.py": "examples in docstrings, which are a plugin's code",
    "hooks/claimx_task.py": "the action that was public before there were other domains",
}
"""Where the names may be said beside, and why."""


def names() -> re.Pattern[str]:
    """Return what finds the name of a topic, a table, an event type or a key of ClaimX."""
    handlers = list(CLAIMX.own_handlers(SystemClock()))
    topics = [re.escape(use) for use in ("events", "enrichment", "entities", "downloads")]
    found = [
        rf"\bclaimx\.({'|'.join(topics)})\.",
        *(rf"\b{table.name}\b" for table in CLAIMX.all_tables()),
        *(rf"\b{each}\b" for handler in handlers for each in handler.event_types),
        *(rf"\b{each}" for handler in handlers for each in handler.event_prefixes),
        rf"\b{CLAIMX.key_name}\b",
    ]
    return re.compile("|".join(found))


NAMES = names()


def texts() -> list[Path]:
    kinds = (".py", ".pyi", ".yaml", ".txt", ".json")
    return [file for file in sorted(CORE.rglob("*")) if file.suffix in kinds]


def searched() -> list[Path]:
    return [file for file in texts() if not name(file).startswith(OWN)]


def name(file: Path) -> str:
    return str(file.relative_to(CORE))


def said_in(file: Path) -> list[str]:
    text = file.read_text(encoding="utf-8")
    return [found.group() for found in NAMES.finditer(text)]


def excused(file: Path) -> bool:
    return name(file).startswith(tuple(WORDS))


@pytest.mark.parametrize("file", [each for each in searched() if not excused(each)], ids=name)
def test_nothing_but_claimx_names_what_is_of_claimx(file):
    assert said_in(file) == []


@pytest.mark.parametrize("path", list(WORDS))
def test_an_exception_is_made_only_where_it_is_needed(path):
    assert any(said_in(file) for file in texts() if name(file).startswith(path))


def test_the_examples_of_hooks_are_all_that_names_claimx_there():
    import inspect

    from claimx_pipeline import hookspecs

    for hook, function in vars(hookspecs).items():
        if hook.startswith("claimx_") and inspect.isfunction(function):
            assert NAMES.findall(inspect.getdoc(function).partition("Example::")[0]) == []


@pytest.mark.parametrize(
    "text",
    [
        'Topic("claimx.events.raw")',
        '"claimx.downloads.dlq"',
        "FROM claimx_projects",
        "claimx_event_log",
        "claimx_attachments",
        '"PROJECT_CREATED"',
        '"CUSTOM_TASK_ASSIGNED"',
        "event.project_id",
    ],
)
def test_the_search_finds_names(text):
    assert NAMES.search(text)


@pytest.mark.parametrize(
    "text", ["claimx_register_workers", "CLAIMX_API_URL", "claimx-run", "claimx.api.base_url"]
)
def test_the_search_leaves_the_brand_alone(text):
    assert not NAMES.search(text)
