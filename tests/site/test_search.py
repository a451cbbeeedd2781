"""The search of the site finds each name of the product: its own script, in a real browser."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from tests.site.names import SearchedName, searched_names

pytestmark = pytest.mark.plugin

SAME_WORDS = {
    "itel_cabinet.payload_rules[].payload": "the words of itel_cabinet.payload_rules, its parent",
    "itel.cabinet.task.tracking": "the words of the table itel_cabinet_task_tracking",
    "itel_api_worker_api_calls_total": "words of itel_worker_claimx_api_calls_total",
    "itel_api_worker_api_errors_total": "words of itel_worker_claimx_api_errors_total",
    "itel_api_worker_api_latency_seconds": "words of itel_worker_claimx_api_latency_seconds",
    "ClaimxError": "the beginning of the alert ClaimxErrorRateHigh",
}
"""Names that the search cannot tell from others, and from which; they are among the first three."""

# The script of the search is asked as the page asks it: 0 brings the index, 2 a query.
ASK = """async (typed) => {
  const config = JSON.parse(document.getElementById('__config').textContent);
  const worker = new Worker(config.search);
  const ask = (message) => new Promise((answered, failed) => {
    worker.onmessage = (event) => {
      if (event.data.type === 4) failed(new Error('the search has failed'));
      else answered(event.data.data);
    };
    worker.postMessage(message);
  });
  const index = await (await fetch('search.json')).json();
  await ask({ type: 0, data: index });
  const results = [];
  for (const input of typed) {
    const found = await ask({ type: 2, data: { input } });
    results.push(found.items.map((each) => index.items[each.id].location));
  }
  return results;
}"""


def rank(name: SearchedName, results: Sequence[str]) -> int | None:
    """Return how far down the right result is, 0 for the first; None if it is not shown."""
    fitting = (at for at, each in enumerate(results) if name.is_at(each))
    return next(fitting, None)


def grade(found: int | None) -> str:
    if found is None:
        return "not shown"
    return "first" if found == 0 else "first three" if found < 3 else "below"


async def test_each_name_of_the_product_leads_to_its_section_first(site_url, chromium):
    names = searched_names()
    page = await chromium.new_page()
    await page.goto(f"{site_url}index.html")
    results = await page.evaluate(ASK, [each.typed for each in names])
    grades = {each: grade(rank(each, found)) for each, found in zip(names, results, strict=True)}
    for kind in dict.fromkeys(each.kind for each in names):
        counts = Counter(grades[each] for each in names if each.kind == kind)
        print(f"{kind}: {dict(counts)}")
    allowed = {(name, "first three") for name in SAME_WORDS}
    wrong = [
        f"{each.kind} {each.typed}: {found}, first is {shown[:1]}"
        for (each, found), shown in zip(grades.items(), results, strict=True)
        if found != "first" and (each.typed, found) not in allowed
    ]
    print("\n".join(wrong))
    assert wrong == []
    assert {each.typed for each, found in grades.items() if found == "first three"} == {*SAME_WORDS}


@pytest.mark.parametrize(
    ("typed", "address"),
    [
        ("media.max_file_bytes", "reference/settings.html"),
        ("claimx_consumer_lag_records", "reference/metrics.html#claimx_consumer_lag_records"),
        (
            "topic 'TOPIC' does not exist",
            "reference/error-sentences.html#topic-topic-does-not-exist",
        ),
    ],
)
async def test_a_reader_types_a_name_and_goes_where_it_is_explained(
    site_url, chromium, typed, address
):
    page: Any = await chromium.new_page()
    await page.goto(f"{site_url}index.html")
    await page.keyboard.press("/")
    await page.get_by_role("combobox", name="Search").fill(typed)
    first = page.get_by_role("option").first
    await first.wait_for()
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"{site_url}{address.partition('#')[0]}*")
    assert page.url.endswith(address.partition("#")[2])
    await page.close()
