"""Worker ``actions``: what plugins ask for is done outside, once, whatever is away meanwhile."""

import asyncio
import contextlib
import gzip
import tracemalloc
from textwrap import dedent

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from yarl import URL

from claimx_pipeline import DONE, Dead, EnrichmentContext, EntityRows, Pipeline, PluginResult, Retry
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.connections.call import call_to, sendable
from claimx_pipeline.errors import Category, DecodeError
from claimx_pipeline.plugins.action_messages import action_value
from claimx_pipeline.runtime.headers import header
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.testing import make_event
from claimx_pipeline.workers.actions import ActionsProcessor, path_of
from tests.fakes.http_service import Reply, http_service
from tests.rigs.plugin_folder import write_plugin
from tests.rigs.whole_pipeline import whole_pipeline

EVENTS = 20

EVERYTHING = """
    import datetime, decimal
    event_types = frozenset({"CUSTOM_TASK_ASSIGNED"})
    def topics(self):
        return [Topic("test.all", terminal=True)]
    def execute(self, context):
        nested = {
            "at": self.datetime.datetime(2026, 1, 1, tzinfo=self.datetime.timezone.utc),
            "amount": self.decimal.Decimal("12.30"), "bytes": b"abc", "none": None,
            "deep": [{"task": context.tasks[0]}],
        }
        hook = self.config["hook"]
        return (
            PluginResult.add_header("x-source", "test")
            .and_then(PluginResult.publish("test.all", nested, key="k"))
            .and_then(PluginResult.log("info", "seen"))
            .and_then(PluginResult.metric("seen", 2, {"kind": "assigned"}))
            .and_then(PluginResult.webhook(hook + "/by-url?a=1", body=nested, headers={"x-h": "v"}))
            .and_then(PluginResult.webhook(connection="hooks", path="/named", method="PUT", body=1))
            .and_then(PluginResult.create_claimx_task(
                "CUSTOM_TASK_ASSIGN_EXTERNAL_LINK",
                {"customTaskName": "Photos", "customTaskId": 4001,
                 "notificationType": "COPY_EXTERNAL_LINK_URL"}))
        )
"""

CONFIGURED = """
    @classmethod
    def from_settings(cls, config, where):
        return cls(config)
"""


def section(folder, extra: str = "") -> str:
    return f"{{dir: {folder}/plugins, all: {{config: {{hook: '{{simulator}}/webhooks'}}}}{extra}}}"


@pytest.mark.incident("PLG-03")
async def test_every_action_is_carried_out_against_real_endpoints(tmp_path, caplog):
    write_plugin(tmp_path, "all", dedent(CONFIGURED + EVERYTHING), priority=1)
    async with whole_pipeline(
        tmp_path, plugins=section(tmp_path), connections="hooks: {base_url: {simulator}/webhooks}"
    ) as whole:
        with caplog.at_level("INFO", "claimx_pipeline.plugin.all"):
            whole.start()
            await whole.publish(EVENTS)
            await whole.idle()
        assert await whole.dead() == {}
        published = await whole.records("test.all")
        count = len(published)
        assert count
        first = msgspec.json.decode(published[0].value)
        assert first["at"] == "2026-01-01T00:00:00Z"
        assert (first["amount"], first["bytes"], first["none"]) == ("12.30", "YWJj", None)
        assert first["deep"][0]["task"]["assignment_id"]
        assert {header(record.headers, "x-source") for record in published} == {"test"}
        assert caplog.messages.count("seen") == count
        text = generate_latest(whole.process.metrics.registry).decode()
        counted = f'claimx_plugin_metric_seen_total{{kind="assigned",plugin="all"}} {2.0 * count}'
        assert counted in text
        assert f'claimx_plugin_actions_total{{action="webhook",plugin="all"}} {2.0 * count}' in text
        calls = whole.simulator.requests.find(path="/webhooks/by-url")
        assert len({call.idempotency_key for call in calls}) == len(calls) == count
        assert calls[0].query == "a=1"
        assert calls[0].json()["amount"] == "12.30"
        named = whole.simulator.requests.find(path="/webhooks/named")
        assert [(call.method, call.json()) for call in named] == [("PUT", 1)] * count
        tasks = [r for r in whole.simulator.requests.find() if r.path.endswith("project/actions")]
        assert [task.status for task in tasks] == [200] * count
        assert tasks[0].json()["usePrimaryContactAsSender"] is True
        assert tasks[0].json()["projectId"]


@pytest.mark.incident("PLG-02")
async def test_an_endpoint_that_is_down_costs_the_enrichment_nothing(tmp_path):
    body = """
        def execute(self, context):
            name = "down" if context.project_id[-1] in "02468" else "up"
            return PluginResult.webhook(f"{self.config['hook']}/{name}", body=context.event_id)
    """
    write_plugin(tmp_path, "all", dedent(CONFIGURED) + dedent(body))
    async with whole_pipeline(tmp_path, plugins=section(tmp_path)) as whole:
        whole.simulator.faults.add(Fault(kind="error", path="/webhooks/down"))
        whole.start()
        await whole.publish(EVENTS)
        asked = whole.simulator.requests
        wanted = [event.project_id for event in whole.world.events(EVENTS)]
        up = sum(str(project)[-1] not in "02468" for project in wanted)
        assert 0 < up < EVENTS
        log = "SELECT count(*) AS n FROM claimx_event_log WHERE outcome = 'enriched'"
        await whole.until(lambda: whole.rows(log) == [{"n": EVENTS}])
        await whole.until(lambda: len(asked.find(path="/webhooks/up")) == up)
        assert whole.health.ready()[0], "nothing waits in a partition"
        whole.simulator.faults.clear()
        await whole.idle()
        down = [each for each in asked.find(path="/webhooks/down") if each.status == 200]
        assert len(down) == len({each.body for each in down}) == EVENTS - up
        assert await whole.dead() == {}


@pytest.fixture
async def processor(tmp_path):
    made = []

    def make(environ=None, **overrides) -> ActionsProcessor:
        pipeline = Pipeline.load(environ=environ or {}, cwd=tmp_path, overrides=overrides)
        resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock))
        made.append((ActionsProcessor([CLAIMX], resources), resources))
        return made[-1][0]

    yield make
    for actions, resources in made:
        await actions.close()
        await resources.connections.close()


def asked_for(
    processor: ActionsProcessor, result: PluginResult, number: int = 0, plugin: str = "p"
) -> Received:
    """Return the action of *result* as it arrives."""
    (action,) = result.actions
    context = EnrichmentContext(make_event(event_id="e", project_id="12"), EntityRows())
    value = action_value(action, plugin, context)
    headers = (("claimx-id", f"id-{number}".encode()),)
    record = StoredRecord("claimx.actions.pending", 0, number, b"e", value, headers, 0)
    return Received(record, processor.decode(record))


def connected(service) -> dict[str, str]:
    return {"connections.hooks.base_url": service.url, "connections.hooks.max_retries": "0"}


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("http://hooks.example/x", "only https is"),
        ("https://127.0.0.1/x", "127.0.0.1 is an address"),
        ("https://0x7f.1/x", "127.0.0.1 is an address"),
        ("https://169.254.169.254/latest/meta-data", "169.254.169.254"),
        ("https://[::ffff:10.0.0.1]/x", "is an address"),
        ("https://hooks.example:8443/x", "port 8443"),
        ("https://localhost/x", "127.0.0.1 is a loopback address"),
        ("https://user@example.com/x", "with a host"),
    ],
)
@pytest.mark.incident("SEC-02")
async def test_a_url_from_an_event_must_not_lead_into_the_own_network(processor, url, told):
    actions = processor()
    (outcome,) = await actions.process([asked_for(actions, PluginResult.webhook(url))])
    assert isinstance(outcome, Dead)
    assert outcome.error.category is Category.PERMANENT
    assert told in str(outcome.error)


async def test_hosts_of_the_settings_may_be_called_wherever_they_are(processor):
    async with http_service(lambda _: Reply({})) as service:
        actions = processor(**connected(service))
        hook = PluginResult.webhook(f"{service.url}/any?x=%20y", headers={"authorization": "t"})
        assert await actions.process([asked_for(actions, hook)]) == [DONE]
        (asked,) = service.asked
        assert (asked.target, asked.headers["authorization"]) == ("/any?x=%20y", "t")
        assert asked.headers["idempotency-key"] == "id-0"


async def test_headers_of_the_settings_are_looked_up_when_the_call_is_made(processor, tmp_path):
    async with http_service(lambda _: Reply({})) as service:
        place = tmp_path / "plugins" / "trig"
        place.mkdir(parents=True)
        (place / "config.yaml").write_text(
            "module: claimx_pipeline.plugins.task_trigger\nclass: TaskTriggerPlugin\n"
            f"config: {{triggers: {{7: {{on_any: {{webhook: {{url: '{service.url}/x',"
            " headers: {X-Key: '${KEY}'}}}}}}\n"
        )
        actions = processor(environ={"KEY": "abc123"}, **{"plugins.dir": "plugins"})
        there = PluginResult.webhook(f"{service.url}/x", headers_from="7.on_any")
        elsewhere = PluginResult.webhook(f"{service.url}/x", headers_from="8.on_any")
        batch = [asked_for(actions, hook, plugin="trig") for hook in (there, elsewhere)]
        done, dead = await actions.process(batch)
        assert done == DONE
        assert [asked.headers["x-key"] for asked in service.asked] == ["abc123"]
        assert "no webhook headers '8.on_any' here" in str(dead.error)


async def test_urls_of_many_hosts_do_not_fill_the_memory(processor, monkeypatch):
    monkeypatch.setattr("claimx_pipeline.workers.actions.MOST_HOSTS", 2)
    async with contextlib.AsyncExitStack() as stack:
        services = [
            await stack.enter_async_context(http_service(lambda _: Reply({}))) for _ in range(4)
        ]
        actions = processor(
            **{f"connections.c{n}.base_url": each.url for n, each in enumerate(services)}
        )
        hooks = [PluginResult.webhook(f"{each.url}/x") for each in services]
        batch = [asked_for(actions, hook, number) for number, hook in enumerate(hooks)]
        assert await actions.process(batch) == [DONE] * 4
        assert [len(each.asked) for each in services] == [1] * 4
        assert len(actions._hosts._open) == 2


@pytest.mark.incident("PLG-07")
async def test_the_calls_of_a_batch_are_under_way_together(processor):
    arrived, all_there = [], asyncio.Event()

    async def answer(_) -> Reply:
        arrived.append(1)
        if len(arrived) == 20:
            all_there.set()
        await asyncio.wait_for(all_there.wait(), 20)
        return Reply({})

    async with http_service(answer) as service:
        actions = processor(**connected(service))
        hook = PluginResult.webhook(connection="hooks", path="/x", body={})
        batch = [asked_for(actions, hook, number) for number in range(20)]
        assert await actions.process(batch) == [DONE] * 20


async def test_each_failure_is_that_of_its_own_action(processor):
    statuses = {"/good": 200, "/refused": 422, "/failing": 500}
    async with http_service(lambda asked: Reply({}, statuses[asked.path])) as service:
        actions = processor(**connected(service))
        hooks = [PluginResult.webhook(connection="hooks", path=path) for path in statuses]
        hooks.append(PluginResult.webhook(connection="unknown"))
        batch = [asked_for(actions, hook, number) for number, hook in enumerate(hooks)]
        good, refused, failing, unknown = await actions.process(batch)
        assert good == DONE
        assert isinstance(refused, Dead)
        assert isinstance(failing, Retry)
        assert "connections.unknown" in str(unknown.error)


async def test_a_timeout_of_the_call_wins_over_that_of_the_connection(processor):
    async with http_service(lambda _: asyncio.sleep(60, Reply({}))) as service:
        actions = processor(**connected(service))
        hook = PluginResult.webhook(connection="hooks", timeout=0.05)
        (outcome,) = await actions.process([asked_for(actions, hook)])
        assert "no answer within 0.05 s" in str(outcome.error)


@pytest.mark.parametrize(
    ("answer", "project"), [(77, 77), ({"projectId": 78}, 78), ({"id": "79"}, 79)]
)
async def test_the_project_of_a_claim_is_looked_up(processor, answer, project):
    def service_answer(asked) -> Reply:
        return Reply(answer if asked.method == "GET" else {})

    async with http_service(service_answer) as service:
        actions = processor(**connected(service))
        wanted = PluginResult.create_claimx_task(
            "T", {"customTaskId": 1}, claim_number="C-1", connection="hooks", sender_username="me"
        )
        assert await actions.process([asked_for(actions, wanted)]) == [DONE]
        looked, made = service.asked
        assert looked.target == "/export/project/projectId?projectNumber=C-1"
        assert made.json() == {
            "projectId": project,
            "usePrimaryContactAsSender": True,
            "type": "T",
            "data": {"customTaskId": 1},
            "senderUserName": "me",
        }
        assert made.headers["idempotency-key"] == "id-0"


async def test_a_claim_without_a_project_is_a_dead_letter(processor):
    async with http_service(lambda _: Reply({})) as service:
        actions = processor(**connected(service))
        wanted = PluginResult.create_claimx_task("T", {}, claim_number="C-9", connection="hooks")
        (outcome,) = await actions.process([asked_for(actions, wanted)])
        assert isinstance(outcome, Dead)
        assert "no project of claim 'C-9'" in str(outcome.error)


@pytest.mark.parametrize("value", [b"", b"{", b"[]", b'{"kind": "webhook"}', b"\xff"])
def test_what_is_no_action_is_refused(processor, value):
    with pytest.raises(DecodeError):
        processor().decode(StoredRecord("t", 0, 0, None, value, (), 0))


def test_a_webhook_without_its_part_is_refused(processor):
    message = {"kind": "webhook", "plugin": "p", "event_id": "e", "project_id": "1"}
    with pytest.raises(DecodeError, match="lacks 'webhook'"):
        processor().decode(StoredRecord("t", 0, 0, None, msgspec.json.encode(message), (), 0))


SIGNED = [
    "/hook?sig=a%2Bb%2Fc%3D&se=2026-01-12T08%3A00%3A00Z",
    "/a//b/../c/./d",
    "//double",
    "/%7euser/%2e%2e/x;v=1?A=%2f&b=%2F&c=+&d=%zz",
    "/x?a=b?c=d&&e=",
    "/x|y{z}[w]\\^`?q=<>\"'",
]


@pytest.mark.incident("STR-28")
@pytest.mark.parametrize("target", SIGNED)
async def test_a_webhooks_url_goes_out_byte_for_byte(processor, target):
    async with http_service(lambda _: Reply({})) as service:
        actions = processor(**connected(service))
        hook = PluginResult.webhook(f"{service.url}{target}#fragment")
        assert await actions.process([asked_for(actions, hook)]) == [DONE]
        assert [asked.target for asked in service.asked] == [target]


@pytest.mark.incident("STR-28")
@given(st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E, exclude_characters="#?")))
def test_what_is_behind_the_host_is_left_as_it_is(text):
    assert path_of(f"https://hooks.example/{text}") == f"/{text}"
    assert path_of(f"https://hooks.example?{text}x") == f"/?{text}x"
    assert path_of(f"https://hooks.example:1/p?{text}#{text}") == f"/p?{text}"
    url = call_to("https://hooks.example:1", "POST", path_of(f"https://h/{text}")).url
    assert str(URL(url, encoded=True)) == f"https://hooks.example:1/{text}"


@pytest.mark.incident("STR-28")
@given(st.text())
def test_no_url_can_break_a_request_line(text):
    sent = sendable(f"https://hooks.example/{text}")
    assert all("!" <= character <= "~" for character in sent)


@pytest.mark.incident("STR-23")
async def test_what_a_webhook_answers_cannot_fill_the_memory(processor):
    packed = gzip.compress(b"0" * 100_000_000)
    reply = Reply(packed, headers={"content-encoding": "gzip"})
    async with http_service(lambda _: reply) as service:
        actions = processor(**connected(service))
        hook = PluginResult.webhook(f"{service.url}/x")
        await actions.process([asked_for(actions, hook)])
        tracemalloc.start()
        try:
            assert await actions.process([asked_for(actions, hook)]) == [DONE]
            assert tracemalloc.get_traced_memory()[1] < 30_000_000
        finally:
            tracemalloc.stop()


@pytest.mark.incident("STR-61")
async def test_a_webhook_url_that_leads_nowhere_is_the_actions_own_failure(processor):
    async with http_service(lambda _: Reply({}, 404)) as service:
        actions = processor(**connected(service))
        by_url = PluginResult.webhook(f"{service.url}/removed")
        batch = [asked_for(actions, by_url, number) for number in range(9)]
        assert all(isinstance(outcome, Dead) for outcome in await actions.process(batch))
        named = PluginResult.webhook(connection="hooks", path="/removed")
        batch = [asked_for(actions, named, number) for number in range(9)]
        outcomes = await actions.process(batch)
        assert sum(isinstance(outcome, Retry) and outcome.error.outage for outcome in outcomes) == 5
