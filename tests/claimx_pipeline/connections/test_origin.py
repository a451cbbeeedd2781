"""Scheme, host and port of a URL."""

import pytest

from claimx_pipeline.connections.origin import url_origin


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://A.example/x?y=1", "https://a.example:443"),
        ("http://a.example:80", "http://a.example:80"),
        ("http://[::1]:8080/x", "http://[::1]:8080"),
        ("ftp://a.example/x", None),
        ("http:///x", None),
        ("http://a.example:99999/", None),
        ("http://a@b.example/", None),
        ("no url", None),
        ("http://[::1", None),
    ],
)
def test_the_origin_of_a_url(url, origin):
    assert url_origin(url) == origin
