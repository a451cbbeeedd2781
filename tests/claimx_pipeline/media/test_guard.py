"""Hostile links: refused, directly and behind a redirect, without a byte to where they lead."""

import asyncio
import contextlib
import ipaddress
import socket
from urllib.parse import urlsplit

import pytest
from aiohttp.abc import AbstractResolver
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.stream import StreamClient
from claimx_pipeline.errors import Category, category_of
from claimx_pipeline.media.guard import (
    Guard,
    HostPort,
    LinkRefusedError,
    forbidden,
    literal_address,
)
from claimx_pipeline.media.guarded_network import GuardedResolver, GuardedSockets
from tests.fakes.http_service import Reply, http_service
from tests.rigs.media import media_rig

ALLOWED = "files.example"

HOSTILE = [
    # other schemes
    "http://{allowed}/a.jpg",
    "ftp://{allowed}/a.jpg",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_GET",
    "data:image/jpeg;base64,AAAA",
    "javascript:alert(1)",
    "//127.0.0.1:{port}/a.jpg",
    "a.jpg",
    "",
    "https:///a.jpg",
    "https:127.0.0.1:{port}/a.jpg",
    # this machine
    "https://127.0.0.1:{port}/a.jpg",
    "http://127.0.0.1:{port}/a.jpg",
    "https://localhost:{port}/a.jpg",
    "https://LOCALHOST.:{port}/a.jpg",
    "https://localhost.localdomain:{port}/a.jpg",
    "https://127.1:{port}/a.jpg",
    "https://127.0.1:{port}/a.jpg",
    "https://0:{port}/a.jpg",
    "https://0.0.0.0:{port}/a.jpg",
    "https://2130706433:{port}/a.jpg",
    "https://0x7f000001:{port}/a.jpg",
    "https://0x7f.0.0.1:{port}/a.jpg",
    "https://0x7F.1:{port}/a.jpg",
    "https://017700000001:{port}/a.jpg",
    "https://0177.0.0.01:{port}/a.jpg",
    "https://127.0.0.1.:{port}/a.jpg",
    "https://127.8.9.10:{port}/a.jpg",
    "https://[::1]:{port}/a.jpg",
    "https://[::]:{port}/a.jpg",
    "https://[0:0:0:0:0:0:0:1]:{port}/a.jpg",
    "https://[::ffff:127.0.0.1]:{port}/a.jpg",
    "https://[::ffff:7f00:1]:{port}/a.jpg",
    "https://[::127.0.0.1]:{port}/a.jpg",
    "https://[64:ff9b::7f00:1]:{port}/a.jpg",
    "https://[2002:7f00:1::]:{port}/a.jpg",
    "https://[::1%25lo]:{port}/a.jpg",
    "https://①②⑦.⓪.⓪.①:{port}/a.jpg",
    "https://127。0。0。1:{port}/a.jpg",
    "https://%31%32%37.0.0.1:{port}/a.jpg",
    # metadata and private networks
    "https://169.254.169.254/latest/meta-data/a.jpg",
    "http://169.254.169.254/latest/meta-data/a.jpg",
    "https://[fd00:ec2::254]/a.jpg",
    "https://[fe80::1]/a.jpg",
    "https://[fe80::a9fe:a9fe]/a.jpg",
    "https://metadata.google.internal/a.jpg",
    "https://metadata/a.jpg",
    "https://168.63.129.16/a.jpg",
    "https://100.100.100.200/a.jpg",
    "https://10.0.0.1/a.jpg",
    "https://172.16.0.1/a.jpg",
    "https://192.168.0.1/a.jpg",
    "https://[fc00::1]/a.jpg",
    "https://224.0.0.1/a.jpg",
    "https://[ff02::1]/a.jpg",
    "https://240.0.0.1/a.jpg",
    "https://255.255.255.255/a.jpg",
    "https://93.184.216.34/a.jpg",
    # hosts that only look allowed
    "https://{allowed}@127.0.0.1:{port}/a.jpg",
    "https://{allowed}:443@127.0.0.1:{port}/a.jpg",
    "https://user:pass@{allowed}/a.jpg",
    "https://{allowed}.evil.example/a.jpg",
    "https://evil{allowed}/a.jpg",
    "https://sub.{allowed}/a.jpg",
    "https://evil.example/{allowed}/a.jpg",
    "https://evil.example/?{allowed}/a.jpg",
    "https://evil.example#@{allowed}/a.jpg",
    "https://127.0.0.1:{port}\\@{allowed}/a.jpg",
    "https://{allowed}\\.127.0.0.1:{port}/a.jpg",
    "https://127.0.0.1:{port}%23@{allowed}/a.jpg",
    "https://{allowed}\t.127.0.0.1:{port}/a.jpg",
    "https://127.0.0.1:{port}/\r\nHost: {allowed}/a.jpg",
    "https://{allowed}/a b.jpg",
    "https://{allowed}/a\x00.jpg",
    "\nhttps://127.0.0.1:{port}/a.jpg",
    "https://f\u0131l\u0435s.example/a.jpg",
    "https://xn--fles-2wa.example/a.jpg",
    # ports
    "https://{allowed}:22/a.jpg",
    "https://{allowed}:{port}/a.jpg",
    "https://{allowed}:99999/a.jpg",
    "https://{allowed}:-1/a.jpg",
    "https://{allowed}:443:80/a.jpg",
    # what no host is called
    "https://[::1/a.jpg",
    "https://[v1.a]/a.jpg",
    "https://-a-.example/a.jpg",
    "https://a..b/a.jpg",
    "https://" + "a" * 300 + ".example/a.jpg",
]


def filled(link: str, port: int) -> str:
    return link.replace("{port}", str(port)).replace("{allowed}", ALLOWED)


class Forbidden:
    """Listens on this machine and counts who connects."""

    def __init__(self) -> None:
        self.connections = 0

    def __call__(self) -> asyncio.Protocol:
        self.connections += 1
        return asyncio.Protocol()


@pytest.fixture
async def forbidden_server():
    inner = Forbidden()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(inner, "0.0.0.0", 0)
    port = server.sockets[0].getsockname()[1]
    sixth = None
    with contextlib.suppress(OSError):
        sixth = await loop.create_server(inner, "::", port)
    yield inner, port
    for each in filter(None, (server, sixth)):
        each.close()
        await each.wait_closed()


def test_the_corpus_is_large_enough():
    assert len(set(HOSTILE)) >= 60


@pytest.mark.incident("SEC-02")
@pytest.mark.incident("LAT-15")
async def test_hostile_links_are_refused_before_a_byte_is_sent(tmp_path, forbidden_server):
    inner, port = forbidden_server
    async with media_rig(tmp_path, guard=Guard([ALLOWED], [])) as rig:
        for link in HOSTILE:
            with pytest.raises(LinkRefusedError) as refused:
                await rig.fetch(filled(link, port))
            assert category_of(refused.value) is Category.PERMANENT, link
    assert inner.connections == 0


@pytest.mark.incident("SEC-02")
@pytest.mark.incident("LAT-15")
async def test_hostile_links_are_refused_behind_a_redirect_as_well(tmp_path, forbidden_server):
    inner, port = forbidden_server
    links = [filled(link, port) for link in HOSTILE]
    # A Location may be relative, and no header holds a line end.
    links = [link for link in links if "//" in link and link.isprintable()]
    links = [link for link in links if link.isascii()]
    async with (
        http_service(lambda _: Reply(b"", 302, {"location": links[0]})) as host,
        media_rig(tmp_path, host.url) as rig,
    ):
        asked = 0
        while links:
            with pytest.raises(LinkRefusedError):
                await rig.fetch(f"{host.url}/photo.jpg")
            asked += 1
            links.pop(0)
        assert len(host.asked) == asked >= 60
    assert inner.connections == 0


@pytest.mark.incident("SEC-02")
async def test_redirects_that_never_end_are_refused(tmp_path):
    async with (
        http_service(lambda _: Reply(b"", 302, {"location": "/again.jpg"})) as host,
        media_rig(tmp_path, host.url, max_redirects=5) as rig,
    ):
        with pytest.raises(LinkRefusedError, match="more than 5 redirects"):
            await rig.fetch(f"{host.url}/photo.jpg")
    assert len(host.asked) == 6


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize(
    "location", ["{url}/b.jpg?s=%2F", "/b.jpg?s=%2F", "b.jpg?s=%2F", "//{host}/b.jpg?s=%2F"]
)
async def test_an_allowed_redirect_is_followed_byte_for_byte(tmp_path, status, location):
    def answer(asked):
        if asked.path == "/b.jpg":
            return Reply(b"\xff\xd8\xff", headers={"content-type": "image/jpeg"})
        where = location.format(url=host.url, host=urlsplit(host.url).netloc)
        return Reply(b"", status, {"location": where})

    async with http_service(answer) as host, media_rig(tmp_path, host.url) as rig:
        await rig.fetch(f"{host.url}/a.jpg?s=1")
    assert [one.target for one in host.asked] == ["/a.jpg?s=1", "/b.jpg?s=%2F"]


class Names(AbstractResolver):
    """Answers with the addresses it is given, one set after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def resolve(self, host, port=0, family=socket.AF_INET):
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            {
                "hostname": host,
                "host": address,
                "port": port,
                "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
            for address in found
        ]

    async def close(self):
        pass


def client(guard: Guard, names: AbstractResolver) -> StreamClient:
    return StreamClient(
        1.0, 1.0, 5, SystemClock(), GuardedResolver(guard, names), GuardedSockets(guard)
    )


@pytest.mark.incident("SEC-02")
@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.5"],
        ["169.254.169.254"],
        ["203.0.113.9", "127.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["64:ff9b::a00:1"],
    ],
)
async def test_an_allowed_name_that_leads_inside_is_refused_at_connect(forbidden_server, addresses):
    inner, port = forbidden_server
    guard = Guard([f"{ALLOWED}:{port}"])
    link = f"https://{ALLOWED}:{port}/a.jpg"
    target = guard.check(link)  # the link itself is fine
    made = client(guard, Names(addresses))
    with pytest.raises(LinkRefusedError, match="is not connected to"):
        async with made.get(target.link, target.host_port.host):
            pass
    await made.close()
    assert inner.connections == 0


@pytest.mark.incident("SEC-02")
async def test_a_name_that_changes_after_the_check_gains_nothing(forbidden_server):
    """The address that was looked at is the one connected to; the next look is refused."""
    inner, port = forbidden_server
    guard = Guard([f"{ALLOWED}:{port}"])
    resolver = GuardedResolver(guard, Names(["93.184.216.34"], ["127.0.0.1"]))
    first = await resolver.resolve(ALLOWED, port)
    assert [each["host"] for each in first] == ["93.184.216.34"]
    with pytest.raises(LinkRefusedError):
        await resolver.resolve(ALLOWED, port)
    assert inner.connections == 0


@pytest.mark.incident("SEC-02")
async def test_the_socket_is_the_last_to_look(forbidden_server):
    """A host written as an address passes no resolver."""
    inner, port = forbidden_server
    made = client(Guard([ALLOWED]), Names(["127.0.0.1"]))
    for host in ("127.0.0.1", "::1"):
        shown = f"[{host}]" if ":" in host else host
        with pytest.raises(LinkRefusedError):
            async with made.get(f"http://{shown}:{port}/a.jpg", host):
                pass
    await made.close()
    assert inner.connections == 0


@pytest.mark.incident("SEC-02")
async def test_a_development_host_is_that_pair_and_no_other(forbidden_server):
    inner, port = forbidden_server
    guard = Guard([ALLOWED], [f"127.0.0.1:{port + 1 if port < 65535 else port - 1}"])
    for link in (f"http://127.0.0.1:{port}/", f"http://localhost:{port + 1}/", "http://127.0.0.1/"):
        with pytest.raises(LinkRefusedError):
            guard.check(link)
    # A name of the outside on the port of a development host does not lead inside either.
    resolver = GuardedResolver(Guard(None, [f"127.0.0.1:{port}"]), Names(["127.0.0.1"]))
    with pytest.raises(LinkRefusedError):
        await resolver.resolve("evil.example", port)
    assert inner.connections == 0


PUBLIC = [
    "8.8.8.8",
    "93.184.216.34",
    "52.218.0.1",
    "2606:4700::1111",
    "2a00:1450:4001::1",
    "64:ff9b::808:808",
    "::ffff:8.8.8.8",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_not_forbidden(address):
    assert forbidden(address) is None


@given(st.ip_addresses())
def test_no_address_that_python_calls_special_passes(address):
    special = (
        address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    )
    if (
        special
        and not getattr(address, "ipv4_mapped", None)
        and not str(address).startswith("64:ff9b:")
    ):
        assert forbidden(str(address))


@given(st.ip_addresses(v=4))
def test_an_address_is_seen_in_every_form_of_writing_it(address):
    number = int(address)
    octets = address.packed
    forms = [str(number), hex(number), f"0{number:o}", ".".join(f"0{octet:o}" for octet in octets)]
    forms += [".".join(hex(octet) for octet in octets), f"{octets[0]}.{number & 0xFFFFFF}"]
    assert {literal_address(form) for form in forms} == {address}
    mapped = ipaddress.IPv6Address(f"::ffff:{address}")
    assert bool(forbidden(str(mapped))) is bool(forbidden(str(address)))
    for inner in (
        f"2002:{octets[0]:02x}{octets[1]:02x}:{octets[2]:02x}{octets[3]:02x}::1",
        f"::{address}",
    ):
        assert forbidden(inner)


@given(st.text())
def test_any_text_is_refused_or_leads_to_an_allowed_host(text):
    guard = Guard([ALLOWED])
    for link in (text, f"https://{text}", f"https://{ALLOWED}{text}", f"https://{text}{ALLOWED}/"):
        try:
            target = guard.check(link)
        except LinkRefusedError:
            continue
        assert target.host_port == HostPort(ALLOWED, 443)


@pytest.mark.parametrize("text", ["https://a.example", "a.example/x", "u@a.example", "", "a:b"])
def test_what_is_not_a_host_is_not_an_allowed_host(text):
    with pytest.raises(ValueError):
        Guard([text])


def test_without_a_list_every_public_name_on_443_is_allowed():
    guard = Guard(None)
    assert guard.check("https://hooks.example/x").host_port == HostPort("hooks.example", 443)
    for link in ("https://hooks.example:8443/x", "http://hooks.example/x", "https://8.8.8.8/x"):
        with pytest.raises(LinkRefusedError):
            guard.check(link)


@pytest.mark.incident("SEC-01")
def test_a_refusal_shows_no_signature():
    with pytest.raises(LinkRefusedError) as refused:
        Guard([ALLOWED]).check("https://u:hunter2@evil.example/a?sign=hunter2")
    assert "hunter2" not in str(refused.value)
    assert "evil.example" in str(refused.value)
