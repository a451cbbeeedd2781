"""Proxies and private authorities from settings: real servers, a real proxy, every HTTP client."""

import asyncio

import pytest

from claimx_pipeline import Pipeline, SystemClock
from claimx_pipeline.broker.kafka.login import TokenLogin
from claimx_pipeline.claimx.api import ClaimxApi
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.checks import network_problems, service_problems
from claimx_pipeline.connections.client import Connection
from claimx_pipeline.connections.network import proxy_to
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.connections.stream import StreamClient
from claimx_pipeline.errors import Category
from claimx_pipeline.media.guard import Guard, LinkRefusedError
from claimx_pipeline.media.guarded_network import GuardedResolver, GuardedSockets
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.broker import KafkaOAuthSettings
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.network import NetworkSettings
from tests.fakes.forward_proxy import forward_proxy
from tests.fakes.http_service import Asked, Reply, http_service
from tests.rigs.authority import Authority
from tests.rigs.settings_text import load_text

LOGIN = ("claimx", "pr0xy:p@ss/1%")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def service(authority):
    """A service of the company: encrypted, by its own authority."""
    tls = authority.issue("service", host="localhost").server_tls()
    async with http_service(answer, tls) as running:
        yield running


def answer(asked: Asked) -> Reply:
    if asked.path == "/token":
        return Reply({"access_token": "T1", "expires_in": 3600})
    if asked.path.startswith("/export/project/"):
        return Reply({"project": {"projectId": 7}})
    return Reply({"you_sent": asked.headers.get("authorization")})


async def ask(settings: ConnectionSettings, **parts):
    connection = Connection("company", settings, SystemClock(), **parts)
    try:
        return await connection.request("GET", "/x")
    finally:
        await connection.close()


async def failed(settings: ConnectionSettings, **parts) -> RequestFailedError:
    with pytest.raises(RequestFailedError) as raised:
        await ask(settings, **parts)
    return raised.value


async def test_one_section_serves_the_api_connections_and_their_tokens(
    tmp_path, authority, service
):
    """All of them trust the private authority and go through the proxy, but for one."""
    async with forward_proxy(login=LOGIN) as proxy:
        (tmp_path / "claimx.yaml").write_text(f"""
network:
  proxy: {proxy.url}
  proxy_username: {LOGIN[0]}
  proxy_password: "{LOGIN[1]}"
  ca_file: {authority.file}
claimx: {{api: {{base_url: "{service.url}", token: t}}}}
connections:
  vendor:
    base_url: {service.url}
    auth_type: oauth2
    oauth2: {{client_id: i, client_secret: s, token_url: "{service.url}/token"}}
  near: {{base_url: "{service.url}", network: {{proxy: direct}}}}
""")
        pipeline = Pipeline.load(environ={}, cwd=tmp_path)
        assert pipeline.check() == []
        connections = Connections(pipeline.settings.connections, SystemClock())
        api = ClaimxApi(pipeline.settings.claimx.api, SystemClock())
        try:
            sent = await connections.get("vendor").request("GET", "/x")
            assert sent.json() == {"you_sent": "Bearer T1"}
            host = service.url.removeprefix("https://")
            assert proxy.asked == [f"CONNECT {host}"] * 2
            await api.project(7)
            assert len(proxy.asked) == 3
            await connections.get("near").request("GET", "/x")
            assert len(proxy.asked) == 3
        finally:
            await connections.close()
            await api.close()


@pytest.mark.incident("API-07")
async def test_an_authority_is_trusted_only_where_it_is_named(authority, service):
    known = NetworkSettings(ca_file=str(authority.file))
    trusting = ConnectionSettings(base_url=service.url, network=known, max_retries=0)
    assert (await ask(trusting)).status == 200
    error = await failed(ConnectionSettings(base_url=service.url, max_retries=0))
    assert "certificate" in error.reason.lower()


async def test_what_is_not_encrypted_goes_through_the_proxy_as_a_whole_url():
    async with http_service(answer) as plain, forward_proxy() as proxy:
        network = NetworkSettings(proxy=proxy.url)
        await ask(ConnectionSettings(base_url=plain.url, network=network))
        assert proxy.asked == [f"GET {plain.url}/x"]


@pytest.mark.parametrize("encrypted", [True, False])
async def test_a_proxy_that_wants_a_login_is_an_outage_with_a_hint(authority, service, encrypted):
    async with http_service(answer) as plain, forward_proxy(login=LOGIN) as proxy:
        network = NetworkSettings(
            proxy=proxy.url,
            proxy_username=LOGIN[0],
            proxy_password=Secret("wr0ng"),
            ca_file=str(authority.file),
        )
        url = service.url if encrypted else plain.url
        error = await failed(ConnectionSettings(base_url=url, network=network, max_retries=0))
    assert (error.category, error.outage) == (Category.AUTH, True)
    assert "check network.proxy_username and network.proxy_password" in error.reason
    assert "wr0ng" not in error.reason


async def test_a_proxy_that_refuses_or_is_unavailable_is_named(service):
    async with forward_proxy(refuses=True) as proxy:
        network = NetworkSettings(proxy=proxy.url)
        error = await failed(
            ConnectionSettings(base_url=service.url, network=network, max_retries=0)
        )
        assert "the proxy makes no connection to it (403 Forbidden)" in error.reason
    error = await failed(ConnectionSettings(base_url=service.url, network=network, max_retries=0))
    assert error.category is Category.TRANSIENT
    assert f"the proxy {proxy.url.removeprefix('http://')} cannot be reached" in error.reason
    assert "check network.proxy" in error.reason


async def test_files_come_through_the_proxy(authority, service):
    host = service.url.removeprefix("https://")
    guard = Guard([], [host])
    async with forward_proxy() as proxy:
        network = NetworkSettings(proxy=proxy.url, ca_file=str(authority.file))
        assert await fetched(f"{service.url}/a.jpg", guard, network) == 200
        assert proxy.asked == [f"CONNECT {host}"]
        near = NetworkSettings(
            proxy=proxy.url, ca_file=str(authority.file), no_proxy=("localhost",)
        )
        assert await fetched(f"{service.url}/a.jpg", guard, near) == 200
        assert len(proxy.asked) == 1


@pytest.mark.incident("SEC-02")
async def test_a_name_that_leads_inside_is_not_asked_of_the_proxy(service):
    host = service.url.removeprefix("https://")
    async with forward_proxy() as proxy:
        network = NetworkSettings(proxy=proxy.url)
        with pytest.raises(LinkRefusedError, match="loopback"):
            await fetched(f"{service.url}/a.jpg", Guard([host]), network)
        with pytest.raises(LinkRefusedError, match="loopback"):
            await ask(
                ConnectionSettings(base_url=service.url, network=network),
                resolver=GuardedResolver(Guard(None)),
                sockets=GuardedSockets(Guard(None)),
            )
        assert proxy.asked == []


async def fetched(link: str, guard: Guard, network: NetworkSettings) -> int:
    client = StreamClient(
        2.0,
        2.0,
        2,
        SystemClock(),
        GuardedResolver(guard),
        GuardedSockets(guard),
        network=network,
    )
    try:
        async with asyncio.timeout(10), client.get(link, "localhost") as streamed:
            return streamed.status
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("url", "direct"),
    [
        ("https://api.example.com/x", False),
        ("https://example.internal/x", False),
        ("https://API.example.internal./x", True),
        ("https://notexample.internal.evil/x", False),
        ("https://exact/x", True),
        ("https://below.exact/x", False),
        ("https://ported:8443/x", True),
        ("https://ported/x", False),
        ("http://[::1]:8080/x", True),
    ],
)
def test_hosts_without_a_proxy(url, direct):
    network = NetworkSettings(
        proxy="http://p:1", no_proxy=(".example.internal", "exact", "ported:8443", "[::1]:8080")
    )
    assert (proxy_to(url, network) is None) == direct


def test_a_proxy_of_its_own_gets_no_login_of_the_section():
    base = NetworkSettings(
        proxy="http://p:1", proxy_username="u", proxy_password=Secret("s"), ca_file="ca.pem"
    )
    found = NetworkSettings(proxy="http://q:2").over(base)
    assert found == NetworkSettings(proxy="http://q:2", ca_file="ca.pem")
    assert NetworkSettings(no_proxy=("a",)).over(base).proxy_username == "u"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network: {ca_file: missing.pem}", "network.ca_file: 'missing.pem' cannot be used"),
        ("network: {ca_file: claimx.yaml}", "name a PEM file of certificates"),
        ("network: {proxy: 'http://p:1', proxy_username: u}", "is set without proxy_password"),
        ("network: {proxy_username: u, proxy_password: s}", "there is no proxy; set proxy too"),
        ("network: {proxy: 'http://p:1', proxy_password: s}", "is set without proxy_username"),
        (
            "connections: {c: {base_url: 'http://x', network: {ca_file: no.pem}}}",
            "connections.c.network.ca_file: 'no.pem' cannot be used",
        ),
        ("media: {network: {proxy: direct, proxy_password: s}}", "media.network.proxy_password"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_connects(tmp_path, text, said):
    loaded = load_text(tmp_path, text)
    (problem,) = network_problems(loaded.settings)
    assert said in str(problem)


def test_what_waits_for_a_variable_is_no_problem_yet(tmp_path):
    loaded = load_text(tmp_path, "network: {proxy: '${P}', ca_file: '${C}'}\nbroker: {url: '${U}'}")
    assert network_problems(loaded.settings) == []
    assert loaded.settings.with_network().media.network.no_proxy is None


@pytest.mark.parametrize(
    ("secret", "said"),
    [
        ("", "client_secret: is not set; set it, or client_secret_file"),
        ("client_secret_file: no", "client_secret_file: no cannot be read"),
        ("client_secret: s, client_secret_file: no", "is set beside client_secret_file"),
        ("client_secret: '${WAITS}'", None),
    ],
)
def test_the_secret_of_a_client_is_looked_at_beforehand(tmp_path, secret, said):
    oauth2 = f"oauth2: {{client_id: i, token_url: 'https://h/t', {secret}}}"
    text = f"connections: {{c: {{base_url: 'http://x', auth_type: oauth2, {oauth2}}}}}"
    found = [str(each) for each in service_problems(load_text(tmp_path, text).settings)]
    if said is None:
        assert found == []
    else:
        (problem,) = found
        assert "connections.c.oauth2." in problem
        assert said in problem


async def test_tokens_for_kafka_come_through_the_proxy(authority, service):
    async with forward_proxy() as proxy:
        settings = KafkaOAuthSettings(
            client_id="i",
            client_secret=Secret("s"),
            token_url=f"{service.url}/token",
            network=NetworkSettings(proxy=proxy.url, ca_file=str(authority.file)),
        )
        assert await TokenLogin(settings, deadline=10).token() == "T1"
        assert proxy.asked == [f"CONNECT {service.url.removeprefix('https://')}"]
