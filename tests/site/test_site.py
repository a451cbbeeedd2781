"""The site of the documentation, as ``nox -s docs`` has built it."""

from __future__ import annotations

import html
import json
import re
import tomllib
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from claimx_pipeline import Pipeline
from tests.pages import commands, metrics, raised, settings

DOCS = Path(__file__).parents[2] / "docs"
BUILT = DOCS / "build"
CONFIG = tomllib.loads((DOCS / "zensical.toml").read_text())

built = pytest.mark.skipif(not BUILT.is_dir(), reason="nox -s docs builds the site")


def pages_of(nav: Any) -> list[str]:
    """Return the pages that a part of the navigation names."""
    if isinstance(nav, str):
        return [nav]
    parts = nav.values() if isinstance(nav, dict) else nav
    return [page for part in parts for page in pages_of(part)]


def test_the_navigation_has_every_page_once():
    named = pages_of(CONFIG["project"]["nav"])
    hidden = (BUILT, DOCS / ".cache")
    found = [
        str(page.relative_to(DOCS))
        for page in DOCS.rglob("*.md")
        if not any(page.is_relative_to(folder) for folder in hidden)
    ]
    assert sorted(named) == sorted(found)


def test_no_link_leaves_the_site():
    """What is beside the documentation is named as code: the site cannot show it."""
    hidden = (BUILT, DOCS / ".cache")
    found = [
        f"{page.relative_to(DOCS)}: {target}"
        for page in DOCS.rglob("*.md")
        if not any(page.is_relative_to(folder) for folder in hidden)
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text())
        if not re.match(r"\w+:", target)
        and not (page.parent / target).resolve().is_relative_to(DOCS)
    ]
    assert found == [], "write the path as code"


@pytest.mark.parametrize("source", sorted(DOCS.glob("diagrams/*.d2")), ids=lambda path: path.stem)
def test_a_picture_is_drawn_from_its_source(source):
    """Every word of the source is in the picture: ``nox -s diagrams`` was not forgotten."""
    drawn = "".join(re.findall(r">([^<>]+)<", source.with_suffix(".svg").read_text()))
    for text in re.findall(r'"([^"]+)"', re.sub("#.*", "", source.read_text())):
        for line in text.split(r"\n"):
            shown = line.replace("'", "&#39;")
            assert line in drawn or shown in drawn, f"run nox -s diagrams: {line!r} is not drawn"


@pytest.mark.parametrize("source", sorted(DOCS.glob("diagrams/*.d2")), ids=lambda path: path.stem)
def test_a_picture_is_shown_on_a_page_and_described(source):
    name = f"{source.stem}.svg"
    texts = [page.read_text() for page in DOCS.rglob("*.md")]
    assert [each for text in texts for each in re.findall(rf"!\[(.+)\]\(\S*{name}\)", text)]


class Requests(HTMLParser):
    """What a browser asks for to show a page."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source"):
            self.urls.append(given.get("src") or "")
        if tag == "link" and given.get("rel") != "canonical":
            self.urls.append(given.get("href") or "")


@built
def test_no_page_asks_another_host():
    asked = Requests()
    for page in BUILT.rglob("*.html"):
        asked.feed(page.read_text())
    assert [url for url in asked.urls if re.match(r"(https?:)?//", url)] == []


def searched() -> str:
    """Return what the search of the site looks through."""
    items = json.loads((BUILT / "search.json").read_text())["items"]
    return " ".join(f"{item.get('title', '')} {item.get('text', '')}" for item in items)


@built
@pytest.mark.plugin
def test_the_search_finds_every_setting_command_metric_topic_and_table():
    pipeline = Pipeline.load(environ={}, cwd=Path("/nonexistent"))
    text = searched()
    names = {*pipeline.topology.topics, *pipeline.tables, *pipeline.workers}
    names |= set(re.findall(r"^##+ `(claimx-run [a-z -]+)`$", commands.page(), re.MULTILINE))
    names |= set(re.findall(r"<h3 id=\"([^\"]+)\">", settings.page(), re.MULTILINE))
    names |= {each.name for each in metrics.served()}
    assert sorted(name for name in names if name not in text) == []


@built
def test_the_search_finds_every_sentence_of_an_error():
    text = " ".join(html.unescape(searched()).split())
    said = {each.text.partition("; ")[0].replace("`", "'") for each in raised.sentences()}
    assert sorted(each for each in said if each not in text) == []
