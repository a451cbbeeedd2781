"""The console in a real browser: every page on a desk and a phone, by day and by night.

``nox -s console`` runs it; it needs Chromium, and keeps a picture of every page.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from claimx_pipeline import operations
from claimx_pipeline.settings.secret import Secret
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

BROKEN = "claimx.events.dlq/0/0"
BROWSED = (
    *PAGES, "/query?sql=SELECT+'a'+AS+x,+1+AS+n+UNION+ALL+SELECT+'b',+2", "/query?sql=SELEC",
    "/query?sql=SELECT+*+FROM+claimx_events", "/tables/claimx_events",
    f"/dead-letters/at/{BROKEN}", f"/dead-letters/replay?location={BROKEN}",
    "/dead-letters/replay?transform=eventType%3DPROJECT_CREATED", "/trace?id=nowhere", "/nothing",
    "/topics/claimx.events.raw?where=projectId%3D700100", "/settings?find=nothing-of-that-name",
)  # fmt: skip

# What is wider than the page, or is cut; the wide picture and texts of files may be scrolled.
WIDER = """() => {
  const wide = document.documentElement.clientWidth;
  const seen = (e) => e.closest('.picture, pre, thead') === null && e.getClientRects().length;
  const cut = (e) => e.scrollWidth > e.clientWidth + 1
    && getComputedStyle(e).overflowX !== 'visible' && !e.matches('input, textarea');
  const narrow = wide < 600;
  return [...document.querySelectorAll('main *, header *, footer *')]
    .filter((e) => seen(e) && (narrow || e.closest('.data') === null))
    .filter((e) => e.getBoundingClientRect().right > wide + 1 || cut(e))
    .map((e) => e.outerHTML.slice(0, 120));
}"""
OPENED = "document.querySelectorAll('details').forEach((each) => { each.open = true; })"


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
    for path in BROWSED:
        await page.goto(asked.url + path)
        await page.evaluate(OPENED)
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
            name = re.sub(r"[^a-z0-9_.]+", "-", path.lower()).strip("-")[:60] or "overview"
            await page.screenshot(path=PICTURES / f"{name}-{size}-{light}.png", full_page=True)
    assert hosts == {asked.url.removeprefix("http://")}
    assert "\n".join(findings) == ""


@pytest.mark.parametrize("light", LIGHTS)
@pytest.mark.parametrize("size", SIZES)
async def test_the_page_that_asks_for_the_token_is_readable(tmp_path, browser, size, light):
    width, height = SIZES[size]
    async with console(tmp_path, token=Secret("a-long-random-token")) as locked:
        page = await browser.new_page(
            viewport={"width": width, "height": height}, color_scheme=light
        )
        await page.goto(f"{locked.url}/topics")
        await page.get_by_label("Token").fill("wrong")
        await page.get_by_role("button", name="Log in").click()
        assert "wrong token" in await page.get_by_role("alert").inner_text()
        assert (await axe.Axe().run(page)).response["violations"] == []
        assert await page.evaluate(WIDER) == []
        if PICTURES.name:
            await page.screenshot(path=PICTURES / f"login-{size}-{light}.png", full_page=True)
        await page.get_by_label("Token").fill("a-long-random-token")
        await page.get_by_role("button", name="Log in").click()
        assert await page.get_by_role("heading", level=1).inner_text() == "Topics"


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
async def test_a_dead_letter_that_is_replayed_in_the_browser_becomes_a_row(asked, browser, scripts):
    context = await browser.new_context(java_script_enabled=scripts)
    page = await context.new_page()
    await page.goto(f"{asked.url}/dead-letters")
    await page.get_by_role("link", name="Preview a replay").first.click()
    if not await page.get_by_label("Changes").is_visible():
        await page.get_by_text("Change the values first").click()
    await page.get_by_label("Changes").fill("eventType=PROJECT_CREATED\neventId=E2\nprojectId=7")
    await page.get_by_role("button", name="Preview the changes").click()
    assert '"eventType": "PROJECT_CREATED"' in await page.locator("pre").last.inner_text()
    await page.get_by_role("button", name="Replay 2").click()
    assert "2 replayed" in await page.get_by_role("status").inner_text()
    assert await page.get_by_role("link", name="Preview a replay").count() == 0
    await operations.run_until_idle(asked.pipeline, "events")
    await page.goto(f"{asked.url}/query?sql=SELECT+event_id+FROM+claimx_events+ORDER+BY+1")
    shown = await page.get_by_role("cell").all_inner_texts()
    assert [each.split()[-1] for each in shown] == ["E1", "E2"]


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
