"""The URLs that browsers are tested with, as links to files and as webhooks."""

import json

import pytest
from yarl import URL

from claimx_pipeline.connections.call import call_to
from claimx_pipeline.connections.origin import url_origin
from claimx_pipeline.errors import RecordError
from claimx_pipeline.media.guard import Guard, LinkRefusedError, forbidden, literal_address
from claimx_pipeline.workers.actions import PUBLIC_HOSTS, path_of


@pytest.fixture
def urls(public_data) -> list[str]:
    cases = json.loads((public_data("wpt-url") / "urltestdata.json").read_text())
    found = [case["input"] for case in cases if isinstance(case, dict)]
    # As a base, and where browsers read another host than many libraries do.
    prefixes = ["", "https://hooks.example", "https://hooks.example/", "https://127.0.0.1\\@"]
    return [prefix + text for text in found for prefix in prefixes]


def test_a_link_is_refused_or_leads_where_the_guard_read(urls):
    guard = Guard(allowed_hosts=None, development_hosts=())
    for url in urls:
        try:
            checked = guard.check(url)
        except LinkRefusedError:
            continue
        literal = literal_address(checked.host_port.host)
        assert literal is None or not forbidden(literal), url


@pytest.mark.incident("STR-28")
def test_a_webhooks_url_is_refused_or_sent_as_it_is_and_to_its_own_host(urls):
    sent = 0
    for url in urls:
        origin = url_origin(url)
        if origin is None:
            continue
        try:
            PUBLIC_HOSTS.check(url)
        except RecordError:
            continue
        target = path_of(url)
        called = call_to(origin, "POST", target).url
        assert called.isascii(), url
        assert not set(called) & set(" \t\r\n"), url
        try:
            parsed = URL(called, encoded=True)
        except ValueError:
            continue  # said as a request that cannot be sent
        expected = url_origin(called)
        assert expected == origin, url
        plain = target.isascii() and not set(target) - set(map(chr, range(0x21, 0x7F)))
        if plain and not target.endswith("?"):
            assert parsed.raw_path_qs == target, url
            sent += 1
    assert sent > 500
