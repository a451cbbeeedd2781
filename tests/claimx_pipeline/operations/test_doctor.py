"""``doctor`` names what is wrong with an installation, each with the right remedy."""

import asyncio
import uuid
from datetime import timedelta
from types import SimpleNamespace

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from claimx_pipeline import operations
from claimx_pipeline.broker.inspection import TopicFacts, inspector_of
from claimx_pipeline.operations.doctor import machine
from claimx_pipeline.operations.doctor.broker import clock_finding, topic_findings
from claimx_pipeline.operations.doctor.machine import disk_findings, satisfies
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.server import HealthServer
from tests.fakes.http_service import Reply, http_service
from tests.rigs.command import run
from tests.rigs.kafka_topics import create_topic

RAW = "claimx.events.raw"

ODD = """
health: {{port: 0}}
claimx: {{api: {{base_url: "http://127.0.0.1:1/service", token: some-token}}}}
connections:
  refusing: {{base_url: "{service}/refusing", auth_token: old-token, probe: /ping}}
  failing: {{base_url: "{service}/failing", probe: /ping}}
  unprobed: {{base_url: "{service}/fine"}}
  late: {{base_url: "{service}/late", probe: /ping}}
broker:
  topics:
    claimx.events.raw: {{partitions: 12, retention_hours: 1000}}
plugins:
  dir: plugins
  broken: {{required: false}}
storage: {{files: {{root: "a-file/below"}}}}
workers:
  mine:
    input_topic: claimx.events.raw
    enrichment_handlers: [{{type: transform, config: {{mappings: {{a: b}}}}}}]
    success_topic: acme.out
  later:
    input_topic: claimx.events.raw
    enrichment_handlers: [{{type: transform, config: {{mappings: {{a: b}}}}}}]
"""

WRONG = [
    ("plugin", "wrong", "plugin 'broken' cannot be loaded", "plugins list"),
    ("topic-missing", "wrong", "later.errors", "claimx-run topics create"),
    (
        "topic-partitions",
        "warning",
        "claimx.events.raw has 6 partitions, wanted are 12",
        "set broker.topics.claimx.events.raw.partitions to 6",
    ),
    (
        "topic-retention",
        "wrong",
        "keeps records 168 hours, wanted is 1000 hours",
        "broker.topics.claimx.events.raw.retention_hours",
    ),
    ("topic-unread", "warning", "nothing reads topic 'acme.out'", "start what is to read it"),
    (
        "retention-overtaken",
        "wrong",
        "3 records of claimx.enrichment.pending[0] were deleted",
        "raise broker.topics.claimx.enrichment.pending.retention_hours",
    ),
    ("worker-stopped", "warning", "no member runs of", "claimx-run up"),
    ("table-missing", "wrong", "claimx_contacts", "claimx-run tables create"),
    ("table-schema", "wrong", "claimx_projects", "tables.paths.claimx_projects"),
    ("store-files", "wrong", "a-file/below", "storage.files.root"),
    ("service-unreachable", "wrong", "claimx_api does not answer", "claimx.api.base_url"),
    ("service-credentials", "wrong", "refusing refuses the credentials", "connections.refusing"),
    ("service-failing", "wrong", "failing fails", "ask who runs the service"),
    ("service-no-probe", "warning", "unprobed answers", "connections.unprobed.probe"),
    ("service-clock", "wrong", "the clock of late is", "NTP"),
]
"""Check, level, a part of what is said, and a part of the remedy."""


def answer(asked):
    date = {"date": "Mon, 12 Jan 2026 08:00:00 GMT"} if asked.path.startswith("/late") else {}
    statuses = {"/refusing": 401, "/failing": 503}
    status = next((code for at, code in statuses.items() if asked.path.startswith(at)), 200)
    return Reply({"ok": True}, status=status, headers=date)


async def spoilt(load, tmp_path, service):
    """Return an installation in which all of the above is wrong."""
    (tmp_path / "a-file").write_text("not a folder")
    folder = tmp_path / "plugins" / "broken"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("module: missing_module\nclass: It\n")
    text = ODD.format(service=service)
    before = load(text.replace("12, retention_hours: 1000", "6").partition("  later:")[0])
    await operations.create_topics(before)
    pending = "claimx.enrichment.pending"
    group = before.topology.group(before.workers["enrichment"].group)
    await operations.publish(before, pending, [b"{}"] * 30)
    async with open_admin(before) as admin:
        await admin.commit_offsets(group, pending, {0: 1})
        await admin.delete_records(pending, {0: 4})
    pipeline = load(text)
    where = pipeline.table_store.location("claimx_projects").uri
    write_deltalake(where, pa.table({"project_id": pa.array([1], pa.int64())}))
    return pipeline


async def test_fifteen_things_that_are_wrong_are_named_each_with_its_remedy(load, tmp_path):
    async with http_service(answer) as service:
        pipeline = await spoilt(load, tmp_path, service.url)
        found = await operations.examine(pipeline)
    for check, level, what, remedy in WRONG:
        named = [each for each in found.findings if each.check == check and what in each.what]
        assert named, (check, [each.what for each in found.findings if each.check == check])
        assert (named[0].level, remedy in named[0].remedy) == (level, True), named[0]
    assert len({check for check, *_ in WRONG}) == 15
    assert found.as_json()["wrong"] == len(found.wrong) > 9


async def test_an_installation_that_is_well_has_nothing_wrong(load, tmp_path):
    async with http_service(answer) as service:
        api = f"claimx: {{api: {{base_url: '{service.url}/fine', token: t, probe: /ping}}}}\n"
        itel = "connections: {itel_cabinet_api: {base_url: 'file://itel', auth_token: t}}\n"
        pipeline = load(f"{api}{itel}health: {{port: 0}}\n")
        await operations.create_all(pipeline)
        found = await operations.examine(pipeline)
    # How full this machine's disk is, and what is installed on it, is not the test's.
    assert [each for each in found.wrong if each.check not in ("disk", "versions")] == []
    assert {"broker", "topics", "offsets", "tables", "store-files", "store-cache", "service"} <= {
        each.check for each in found.findings if each.level == "ok"
    }
    assert not list(tmp_path.rglob(".claimx-doctor/*")), "what was written is deleted again"


async def test_changed_answers_and_forms_that_a_process_has_counted_are_shown(load):
    pipeline = load()
    await operations.create_topics(pipeline)
    metrics = Metrics()
    health = Health(pipeline.clock)
    health.member("enrichment").ready()
    server = HealthServer(pipeline.settings.health, health, metrics)
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        before = await operations.examine(pipeline, probes=[url])
        for _ in range(3):
            metrics.drift.unknown("/export/project/{project_id}", "data.newField")
        metrics.drift.retyped("/export/project/{project_id}", "data.created")
        metrics.plugins.count(
            "itel_cabinet_form", "form_misfits", 2, {"reason": "unknown_question"}
        )
        after = await operations.examine(pipeline, probes=[url])
    finally:
        await server.close()
    assert [each.level for each in before.findings if each.check == "answers"] == ["ok"]
    shown = [each for each in after.findings if each.check.endswith("-changed")]
    assert [(each.level, each.what) for each in shown] == [
        ("warning", "answers to /export/project/{project_id}: field data.created is retyped, "
         "once since the processes began"),
        ("warning", "answers to /export/project/{project_id}: field data.newField is unknown, "
         "3 times since the processes began"),
        ("warning", "plugin itel_cabinet_form: form misfits, reason unknown_question, "
         "2 times since the processes began"),
    ]  # fmt: skip
    assert all(each.remedy for each in shown)


async def test_a_broker_that_does_not_answer_is_one_finding_and_the_rest_is_examined(load):
    found = await operations.examine(
        load("broker: {url: kafka://127.0.0.1:1, deadline_seconds: 1}\nhealth: {port: 0}\n")
    )
    (broker,) = [each for each in found.findings if each.area in ("broker", "topics", "groups")]
    assert (broker.level, "broker.url" in broker.remedy) == ("wrong", True)
    assert [each for each in found.findings if each.check == "table-missing"]


def test_settings_that_cannot_be_read_are_findings_too(tmp_path):
    (tmp_path / "claimx.yaml").write_text("broker: {url: 7, nonsense: 1}\n")
    done = run("doctor", "--json", cwd=tmp_path)
    assert done.returncode == 1
    assert '"check": "setting"' in done.stdout
    assert "nonsense" in done.stdout


@pytest.mark.kafka
async def test_what_kafka_says_of_its_topics_is_compared_with_what_is_wanted(load, kafka_url):
    prefix = f"{uuid.uuid4().hex[:8]}."
    pipeline = load(broker__url=kafka_url, broker__prefix=prefix)
    await create_topic(
        kafka_url,
        f"{prefix}{RAW}",
        message_timestamp_type="LogAppendTime",
        unclean_leader_election_enable="true",
        cleanup_policy="compact",
        retention_ms="3600000",
    )
    await operations.create_topics(pipeline)
    inspector = inspector_of(pipeline.broker())
    try:
        facts = await inspector.facts()
        assert await inspector.members([pipeline.topology.group("nobody")]) == {
            f"{prefix}nobody": 0
        }
        theirs = await inspector.clock(f"{prefix}clock")
        assert abs(theirs - pipeline.clock.now()) < timedelta(seconds=5)
        while f"{prefix}clock" in await inspector.facts():
            await asyncio.sleep(0.1)
    finally:
        await inspector.close()
    found = {each.check: each for each in topic_findings(pipeline, facts)}
    name = f"--entity-name {prefix}{RAW} --add-config"
    for check, remedy in (
        ("topic-append-time", f"{name} message.timestamp.type=CreateTime"),
        ("topic-unclean-election", f"{name} unclean.leader.election.enable=false"),
        ("topic-compacted", f"{name} cleanup.policy=delete"),
        ("topic-retention", f"{name} retention.ms=604800000"),
        ("topic-partitions", "partitions to 1"),
    ):
        assert remedy in found[check].remedy, found[check]


def test_replicas_and_their_least_number_are_compared(load):
    """A cluster of three servers is more than a test starts; the facts are what one says."""
    pipeline = load("broker: {url: kafka://127.0.0.1:1, replication: 3}\n")
    wanted = {topic.name: topic for topic in pipeline.topology.new_topics()}
    facts = {
        name: TopicFacts(
            partitions=topic.partitions,
            replication=3,
            retention_hours=topic.retention_hours,
            min_insync_replicas=2,
        )
        for name, topic in wanted.items()
    }
    assert [each.level for each in topic_findings(pipeline, facts)] == ["ok"]
    kept = facts[RAW]
    facts[RAW] = TopicFacts(
        partitions=kept.partitions, replication=3, retention_hours=168.0, min_insync_replicas=1
    )
    facts["claimx.events.dlq"] = TopicFacts(partitions=1, replication=1)
    found = {each.check: each for each in topic_findings(pipeline, facts)}
    assert "min.insync.replicas=2" in found["topic-min-insync"].remedy
    assert "set broker.replication to 1" in found["topic-replication"].remedy


def test_clocks_that_differ_are_told_by_how_much():
    well = clock_finding("broker", "c", "it", timedelta(seconds=-2), timedelta(seconds=1))
    assert well.level == "ok"
    found = clock_finding("broker", "c", "it", timedelta(seconds=90), timedelta())
    assert (found.level, "90 s ahead of" in found.what) == ("wrong", True)
    assert "12 s behind" in clock_finding("b", "c", "it", timedelta(seconds=-12), timedelta()).what


def test_a_disk_that_is_nearly_full_is_named(load, monkeypatch):
    full = SimpleNamespace(total=100 << 30, used=98 << 30, free=2 << 30)
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: full)
    (found, *_) = disk_findings(load())
    assert (found.level, "tables maintain" in found.remedy) == ("wrong", True)


@pytest.mark.parametrize(
    ("version", "wanted", "holds"),
    [
        ("1.2.3", ">=1.2,<2", True),
        ("2.0", ">=1.2,<2", False),
        ("0.14.0", "~=0.14", True),
        ("0.13.9", ">=0.14", False),
        ("1.0.1", "!=1.0.1", False),
        ("1.0.post1", "==1.0", True),
    ],
)
def test_versions_are_compared_as_requirements_mean_it(version, wanted, holds):
    assert satisfies(version, wanted) is holds
