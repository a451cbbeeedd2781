"""Which URLs may be called for a plugin."""

import pytest

from claimx_pipeline.plugins.addresses import OutgoingUrls, is_public, origin_of


@pytest.mark.incident("SEC-02")
@pytest.mark.parametrize(
    ("address", "public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1:248:1893:25c8:1946", True),
        ("127.0.0.1", False),
        ("10.1.2.3", False),
        ("172.16.0.1", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("224.0.0.1", False),
        ("255.255.255.255", False),
        ("::1", False),
        ("::", False),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", True),
        ("2002:7f00:1::", False),
        ("64:ff9b::7f00:1", False),
        ("64:ff9b::5db8:d822", True),
        ("ff02::1", False),
    ],
)
def test_an_address_is_public_or_not(address, public):
    assert is_public(address) is public


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
    assert origin_of(url) == origin


async def refusal(url: str, addresses: list[str], known: tuple[str, ...] = ()) -> str | None:
    async def resolver(host: str, port: int) -> list[str]:
        return addresses

    return await OutgoingUrls.of(known, resolver).refusal(url)


async def test_a_host_with_public_addresses_only_may_be_called():
    assert await refusal("https://a.example/x", ["93.184.216.34"]) is None


async def test_one_address_inside_is_enough_to_refuse():
    told = await refusal("https://a.example/x", ["93.184.216.34", "10.0.0.1"])
    assert "10.0.0.1" in told
    assert "write the URL into the plugin's settings" in told


async def test_what_the_settings_name_may_be_called_there_and_on_no_other_port():
    known = ("http://a.example:8080/hook",)
    assert await refusal("http://a.example:8080/other", ["10.0.0.1"], known) is None
    assert await refusal("http://a.example:9090/hook", ["10.0.0.1"], known)
    assert await refusal("https://a.example:8080/hook", ["10.0.0.1"], known)


async def test_no_addresses_is_no_leave():
    assert await refusal("https://a.example/x", [])
