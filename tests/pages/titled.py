"""Rows of a table that have a heading: each is a section of its own to the search of the site.

The search ranks a heading far above a text. So what a reader types (a setting, a metric, the
sentence of an error) is the heading of its row, and what the row says of it is in the same cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

LONGEST_ANCHOR = 80


def titled(shown: str, anchor: str, text: str) -> str:
    """Return a cell with *shown*, Markdown, as its heading, and *text* below it."""
    link = f'<a class="headerlink" href="#{anchor}" title="Permanent link">¶</a>'
    return f'<h3 id="{anchor}">{shown}{link}</h3> {text}'


def anchors(texts: Iterable[str]) -> Iterator[str]:
    """Yield an anchor for each of *texts*, made of its words; no two are the same."""
    seen: dict[str, int] = {}
    for text in texts:
        words = re.sub("[^a-z0-9]+", "-", text.lower()).strip("-")
        anchor = words[:LONGEST_ANCHOR].rstrip("-")
        seen[anchor] = number = seen.get(anchor, 0) + 1
        yield anchor if number == 1 else f"{anchor}-{number}"
