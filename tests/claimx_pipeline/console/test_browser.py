"""The console in a real browser: every page on a desk and a phone, by day and by night.

``nox -s console`` runs it; it needs Chromium, and keeps a picture of every page.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from claimx_pipeline import operations
from tests.claimx_pipeline.console.test_pages import PAGES
from tests.rigs.console import console

playwright = pytest.importorskip("playwright.async_api", reason="nox -s console brings a browser")
axe = pytest.importorskip("axe_playwright_python.async_playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
pytestmark = [
    pytest.mark.plugin,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
]
SIZES = {"desk": (1280, 900), "phone": (360, 740)}
LIGHTS = ("light", "dark")
PICTURES = Path(os.environ.get("CONSOLE_PICTURES", ""))

WIDER = """() => {
  const wide = document.documentElement.clientWidth;
  const inside = (e) => e.closest('.wide, pre, .data') !== null;
  return [...document.querySelectorAll('main *, header *')]
    .filter((e) => !inside(e) && e.getBoundingClientRect().right > wide + 1)
    .map((e) => e.outerHTML.slice(0, 120));
}"""


@pytest.fixture
async def asked(tmp_path):
    """A console with rows, dead letters, and changes allowed."""
    async with console(tmp_path, allow_changes=True) as found:
        await operations.publish(found.pipeline, "claimx.events.raw", [{"eventType": 7}])
        await operations.run_until_idle(found.pipeline, "ingest", "events")
        yield found


@pytest.fixture
async def browser():
    async with playwright.async_playwright() as driver:
        opened = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        await opened.close()


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("size", SIZES)
async def test_every_page_fits_is_readable_and_asks_no_other_host(asked, browser, size, light):
    width, height = SIZES[size]
    context = await browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=light
    )
    page = await context.new_page()
    hosts: set[str] = set()
    findings: list[str] = []
    page.on("request", lambda request: hosts.add(request.url.split("/")[2]))
    page.on("pageerror", lambda error: findings.append(f"script: {error}"))
    for path in PAGES:
        await page.goto(asked.url + path)
        findings += [f"{path}: wider than the page: {e}" for e in await page.evaluate(WIDER)]
        scroll = await page.evaluate("document.documentElement.scrollWidth")
        if scroll > width:
            findings.append(f"{path}: scrolls sideways, {scroll} px")
        if await page.locator(".primary").count() > 1:
            findings.append(f"{path}: more than one primary action")
        found = await axe.Axe().run(page)
        for each in found.response["violations"]:
            where = [node["html"][:100] for node in each["nodes"][:2]]
            findings.append(f"{path}: {each['id']}: {each['help']}: {where}")
        if PICTURES.name:
            name = path.strip("/").replace("/", "-").partition("?")[0] or "overview"
            await page.screenshot(path=PICTURES / f"{name}-{size}-{light}.png", full_page=True)
    assert hosts == {asked.url.removeprefix("http://")}
    assert "\n".join(findings) == ""


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_dead_letter_is_replayed_in_the_browser(asked, browser, scripts):
    context = await browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(f"{asked.url}/dead-letters")
    await page.get_by_role("link", name="Preview a replay").first.click()
    await page.get_by_role("button", name="Replay 1").click()
    assert "1 replayed" in await page.get_by_role("status").inner_text()
    assert await page.get_by_role("link", name="Preview a replay").count() == 1


async def test_the_overview_is_kept_fresh_and_the_keyboard_reaches_all(asked, browser):
    page = await browser.new_page()
    await page.goto(asked.url)
    before = await page.locator("#live time").last.inner_text()
    await page.wait_for_function(
        "before => [...document.querySelectorAll('#live time')].at(-1).innerText !== before",
        arg=before,
    )
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.closest('main') !== null")
