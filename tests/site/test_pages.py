"""Every page of the site in a real browser, on a desk and on a phone."""

from __future__ import annotations

from collections import Counter
from itertools import chain

import pytest

from tests.site.conftest import BUILT

SIZES = {"desk": 1280, "phone": 360}
SCROLLED_ON_A_PHONE = {"explanation/comparison.html"}
"""Pages whose tables compare side by side, and are wider than a phone."""
LANGUAGES_THAT_WRAP = ("bash", "console", "promql", "sql")

# What a reader would see as broken.
FAULTS = """(wrapping) => {
  const found = [];
  const wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide) found.push('scrolls sideways');
  const cut = (each) => each.scrollWidth > each.clientWidth + 1;
  for (const each of document.querySelectorAll('.md-typeset__scrollwrap')) {
    if (cut(each)) found.push(`wide table: ${each.innerText.slice(0, 60)}`);
  }
  const code = wrapping.map((each) => `.language-${each} pre > code`).join();
  for (const each of document.querySelectorAll(code)) {
    if (cut(each)) found.push(`cut command: ${each.innerText.slice(0, 60)}`);
  }
  for (const each of document.querySelectorAll('.md-content img')) {
    if (!each.complete || !each.naturalWidth) found.push(`no picture: ${each.src}`);
  }
  if (document.querySelectorAll('h1').length !== 1) found.push('not one title');
  const ids = [...document.querySelectorAll('[id]')].map((each) => each.id);
  for (const each of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) {
    found.push(`an anchor twice: ${each}`);
  }
  for (const each of document.querySelectorAll('a[href^="#"]')) {
    const id = decodeURIComponent(each.getAttribute('href').slice(1));
    if (id && !ids.includes(id)) found.push(`no such anchor: ${id}`);
  }
  return found;
}"""


def pages() -> list[str]:
    """Return the path of every page of the built site."""
    found = (str(page.relative_to(BUILT)) for page in BUILT.rglob("*.html"))
    return sorted(page for page in found if page != "404.html")


@pytest.mark.parametrize("size", SIZES)
async def test_every_page_fits_is_whole_and_has_a_title_of_its_own(site_url, chromium, size):
    page = await chromium.new_page(viewport={"width": SIZES[size], "height": 900})
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("console", lambda said: said.type == "error" and complaints.append(said.text))
    findings: list[str] = []
    titles: Counter[str] = Counter()
    for path in pages():
        await page.goto(site_url + path)
        found = await page.evaluate(FAULTS, LANGUAGES_THAT_WRAP)
        if size == "phone" and path in SCROLLED_ON_A_PHONE:
            found = [each for each in found if not each.startswith("wide table")]
        findings += [f"{path}: {each}" for each in chain(found, complaints)]
        complaints.clear()
        titles[await page.title()] += 1
    findings += [
        f"{count} pages are called {title}" for title, count in titles.items() if count > 1
    ]
    print("\n".join(findings))
    assert findings == []
