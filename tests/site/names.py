"""The names that a reader types into the search of the site, each with where it is explained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from claimx_pipeline import Pipeline
from tests.pages import commands, errors, hooks, metrics, raised, settings, tables

ALERTS = Path(__file__).parents[2] / "docs" / "how-to" / "operate" / "alerts"
HEADED = re.compile(r'<h3 id="([^"]+)">`([^`]+)`')
"""A row of a table that is a section of its own: anchor and name."""


@frozen
class SearchedName:
    """What is typed, and where it is explained; ``/`` and ``#`` at the end stand for all below."""

    kind: str
    typed: str
    addresses: tuple[str, ...]

    def is_at(self, address: str) -> bool:
        """Whether the name is explained at *address*."""
        below = tuple(each for each in self.addresses if each.endswith(("/", "#")))
        return address in self.addresses or address.startswith(below)


def searched_names() -> list[SearchedName]:
    """Return every name of the product that has a section of its own."""
    found = (*_settings_and_metrics(), *_commands(), *_errors(), *_of_the_flow(), *_alerts())
    return list(dict.fromkeys(found))


def _settings_and_metrics() -> Iterator[SearchedName]:
    for _, name in HEADED.findall(settings.page()):
        yield SearchedName("setting", name, (f"reference/settings.html#{name}",))
    for each in metrics.served():
        yield SearchedName("metric", each.name, (f"reference/metrics.html#{each.name}",))


def _commands() -> Iterator[SearchedName]:
    for name in re.findall(r"^##+ `(claimx-run [a-z -]+)`$", commands.page(), re.MULTILINE):
        anchor = name.replace(" ", "-")
        yield SearchedName("command", name, (f"reference/commands.html#{anchor}",))


def _errors() -> Iterator[SearchedName]:
    # Several places say the same, and some sentences have all words of another.
    for _, sentence in HEADED.findall(errors.page()):
        yield SearchedName("sentence", sentence, ("reference/error-sentences.html#",))
    for kind in sorted({each.kind for each in raised.sentences()}):
        yield SearchedName("class of errors", kind, ("reference/",))


def _of_the_flow() -> Iterator[SearchedName]:
    pipeline = Pipeline.load(environ={}, cwd=Path("/nonexistent"))
    for name in pipeline.topology.topics:
        messages = f"reference/messages.html#{name.replace('.', '')}"
        yield SearchedName("topic", name, (f"reference/topics.html#{name}", messages))
    for each in tables.tables():
        yield SearchedName("table", each.name, (f"reference/tables.html#{each.name}",))
    for name in re.findall(r"^##+ `(claimx_\w+)`$", hooks.hooks_page(), re.MULTILINE):
        yield SearchedName("hook", name, (f"reference/hooks.html#{name}",))


def _alerts() -> Iterator[SearchedName]:
    for page in sorted(ALERTS.glob("[!R]*.md")):
        name = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        yield SearchedName("alert", name, (f"how-to/operate/alerts/{page.stem}.html",))
