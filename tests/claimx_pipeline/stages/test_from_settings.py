"""Workers made of stages by settings: whole chains, options, mistakes, what is shown."""

import json

import pytest
from attrs import frozen

from claimx_pipeline import Pipeline, SettingsError, UsageError
from claimx_pipeline.stages import Chain, StageSpec
from claimx_pipeline.stages.from_settings import stages_of
from claimx_pipeline.telemetry.health import Health
from tests.fakes.http_service import Reply, http_service
from tests.rigs.chain import run_worker
from tests.rigs.command import run

CHAIN = """\
connections:
  crm: {{base_url: "{url}", max_retries: 0}}
workers:
  copies:
    input_topic: test.in
    consumer_group: copiers
    success_topic: test.copied
    error_topic: test.failed
    batch_size: 10
    linger_seconds: 0.2
    enrichment_handlers:
      - type: transform
        config: {{mappings: {{who: person.name}}, defaults: {{source: test}}}}
      - type: validation
        config:
          required_fields: [who]
          field_rules: {{who: {{in: [ann, bob]}}}}
      - type: lookup
        config: {{connection: crm, endpoint: "/people/{{name}}", path_params: {{name: who}}}}
      - type: send
        config: {{connection: crm, endpoint: /copies, body: {{name: who, found: lookup_result.id}}}}
"""


def load(tmp_path, text: str, environ=None) -> Pipeline:
    (tmp_path / "claimx.yaml").write_text(text)
    return Pipeline.load(environ=environ or {}, cwd=tmp_path)


def problems(tmp_path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        pipeline = load(tmp_path, text)
        pipeline.require(pipeline.select(["copies"]))
        assert pipeline.tables
    return str(raised.value)


def handlers(*stages: str, more: str = "") -> str:
    listed = "".join(f"      - {stage}\n" for stage in stages)
    head = f"workers:\n  copies:\n    input_topic: test.in\n{more}"
    return f"{head}    enrichment_handlers:\n{listed}"


async def test_a_worker_of_settings_alone_looks_up_sends_and_tells(tmp_path):
    def answer(asked):
        return Reply({"id": 7} if asked.method == "GET" else {"ok": True})

    async with http_service(answer) as crm:
        pipeline = load(tmp_path, CHAIN.format(url=crm.url))
        records = [{"person": {"name": name}} for name in ("ann", "bob", "eve")]
        found = await run_worker(pipeline, "copies", "test.in", records)
        sent = sorted((one.json() for one in crm.asked if one.method == "POST"), key=str)
    assert sent == [{"name": "ann", "found": 7}, {"name": "bob", "found": 7}]
    told = [json.loads(record.value) for record in found["test.copied"]]
    assert sorted(each["enriched_data"]["who"] for each in told) == ["ann", "bob"]
    assert {each["worker_name"] for each in told} == {"copies"}
    (dead,) = found["test.failed"]
    assert json.loads(dead.value) == {"person": {"name": "eve"}}
    headers = dict(dead.headers)
    assert b"'eve'" in headers["claimx-dlq-error"]
    assert b"stage 2 (ValidationStage) of worker copies" in headers["claimx-dlq-traceback"]


def test_topics_group_and_ladder_are_part_of_the_topology(tmp_path):
    pipeline = load(tmp_path, CHAIN.format(url="http://127.0.0.1:1"))
    worker = pipeline.workers["copies"]
    assert (worker.group, worker.batch_size, worker.linger_seconds) == ("copiers", 10, 0.2)
    assert {"test.in", "test.copied", "test.failed", "copies.retry.5m"} <= set(
        pipeline.topology.topics
    )
    assert "connections.crm" in worker.needs


MISTAKES = {
    "an unknown stage": (
        handlers("{type: lokup}"),
        ["claimx.yaml:5", "enrichment_handlers[0]", "no stage 'lokup'", "did you mean 'lookup'?"],
    ),
    "a stage by its code": (
        handlers("{type: 'claimx_pipeline.stages.delta:DeltaStage'}"),
        ["claimx.yaml:5", "is code, and settings hold names; write 'delta'"],
    ),
    "a retired stage": (
        handlers("{type: batching, config: {batch_size: 3}}"),
        ["no stage 'batching'", "batch_size and linger_seconds"],
    ),
    "an unknown option": (
        handlers("{type: lookup, config: {connection: crm, endpoint: /x, cache_tl: 3}}"),
        ["claimx.yaml:5", "worker 'copies', stage 'lookup'", "did you mean 'cache_ttl'?"],
    ),
    "an option of the wrong type": (
        handlers("{type: lookup, config: {connection: crm, endpoint: /x, cache_ttl: soon}}"),
        ["claimx.yaml:5", "cache_ttl", "stage 'lookup'"],
    ),
    "a missing option": (
        handlers("{type: delta, config: {}}"),
        ["claimx.yaml:5", "table_name", "is missing", "stage 'delta'"],
    ),
    "a retired rule": (
        handlers("{type: validation, config: {field_rules: {a: {allowed_values: [1]}}}}"),
        ["'allowed_values'", "write 'in'"],
    ),
    "an unknown connection": (
        handlers("{type: lookup, config: {connection: crm, endpoint: /x}}"),
        ["claimx.yaml:5", "stage 'lookup'", "no connection 'crm'", "set connections.crm"],
    ),
    "an unknown table": (
        handlers("{type: delta, config: {table_name: nowhere}}"),
        ["claimx.yaml:5", "'copies'", "unknown table 'nowhere'", "claimx_projects"],
    ),
    "another mode than the table's": (
        handlers("{type: delta, config: {table_name: claimx_projects, mode: append}}"),
        ["mode", "'merge'"],
    ),
    "path parameters in a batch": (
        handlers("{type: send, config: {connection: c, batch_size: 2, path_params: {a: b}}}"),
        ["claimx.yaml:5", "stage 'send'", "one request per record"],
    ),
    "a destination beside the chain": (
        handlers("{type: transform}", more="    destination_connection: crm\n"),
        ["claimx.yaml:4", "'destination_connection'", "add a stage 'send'"],
    ),
    "commits of its own": (
        handlers("{type: transform}", more="    enable_auto_commit: false\n"),
        ["claimx.yaml:4", "'enable_auto_commit'", "remove it"],
    ),
    "no input": ("workers: {copies: {enrichment_handlers: [{type: transform}]}}", ["input_topic"]),
    "an empty chain": ("workers: {copies: {input_topic: t, enrichment_handlers: []}}", ["copies"]),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_names_file_line_worker_stage_and_option(tmp_path, case):
    text, expected = MISTAKES[case]
    said = problems(tmp_path, text)
    for part in expected:
        assert part in said


def test_every_mistake_of_a_chain_is_named_at_once(tmp_path):
    said = problems(tmp_path, handlers("{type: lokup}", "{type: delta, config: {}}"))
    assert "lokup" in said
    assert "table_name" in said


def test_a_worker_without_stages_has_no_chain_to_replace(tmp_path):
    text = "workers: {ingest: {enrichment_handlers: [{type: transform}]}}"
    with pytest.raises(SettingsError, match=r"claimx\.yaml:1.*'ingest' is not a chain of stages"):
        assert load(tmp_path, text).workers


def test_a_name_that_nobody_offers_is_no_worker_unless_it_says_what_it_does(tmp_path):
    with pytest.raises(SettingsError, match="there is no such worker; there are ingest"):
        assert load(tmp_path, "workers: {nothing: {batch_size: 3}}").workers


def test_options_change_one_stage_and_leave_the_rest(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        "workers: {mine: {stages: {lookup: {cache_ttl: 0}}}}\nplugins: {dir: plugins}\n"
    )
    plugin_folder(tmp_path)
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    (lookup,) = stages_of(pipeline.workers["mine"], pipeline.settings)
    assert (lookup.config.cache_ttl, lookup.config.endpoint) == (0, "/x")
    assert "workers.mine.stages.lookup" in lookup.origin


def test_options_of_a_stage_that_the_chain_lacks_are_refused(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        "workers: {mine: {stages: {delta: {table_name: t}}}}\nplugins: {dir: plugins}\n"
    )
    plugin_folder(tmp_path)
    with pytest.raises(SettingsError, match="'mine' has 0 stages 'delta'; its stages are lookup"):
        assert Pipeline.load(environ={}, cwd=tmp_path).workers


PLUGIN = """\
from claimx_pipeline import Plugin, Topic, WorkerSpec, hookimpl
from claimx_pipeline.stages import Chain, LookupConfig, StageSpec


class Mine(Plugin):
    name = "mine"

    def execute(self, context):
        return None

    @hookimpl
    def claimx_register_workers(self):
        lookup = StageSpec("lookup", LookupConfig(connection="crm", endpoint="/x"))
        return [
            WorkerSpec(
                name="mine", summary="Mine.", group="mine", reads=(Topic("t", source=True),),
                build=Chain.of(lookup),
            )
        ]
"""


def plugin_folder(tmp_path, enabled="true"):
    place = tmp_path / "plugins" / "mine"
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(
        f"name: mine\nmodule: plugin\nclass: Mine\nenabled: {enabled}\n"
    )
    (place / "plugin.py").write_text(PLUGIN)
    return place


def test_a_directory_plugin_brings_workers_and_connections_along(tmp_path):
    place = plugin_folder(tmp_path)
    (place / "workers.yaml").write_text("workers: {mine: {batch_size: 3, linger_seconds: 2}}\n")
    shared = tmp_path / "plugins" / "shared" / "connections"
    shared.mkdir(parents=True)
    (shared / "crm.yaml").write_text("connections: {crm: {base_url: '${CRM_URL}'}}\n")
    text = "plugins: {dir: plugins}\nworkers: {mine: {batch_size: 4}}\n"
    pipeline = load(tmp_path, text, environ={"CRM_URL": "http://127.0.0.1:9"})
    worker = pipeline.workers["mine"]
    assert (worker.batch_size, worker.linger_seconds) == (4, 2)
    assert pipeline.settings.connections["crm"].base_url == "http://127.0.0.1:9"
    assert pipeline.loaded.origins["workers.mine.linger_seconds"] == "plugins/mine/workers.yaml:1"


def test_a_disabled_directory_plugin_brings_nothing(tmp_path):
    place = plugin_folder(tmp_path, enabled="false")
    (place / "workers.yaml").write_text("workers: {mine: {batch_size: 3}}\n")
    pipeline = load(tmp_path, "plugins: {dir: plugins}\n")
    assert "mine" not in pipeline.workers


def test_a_plugins_worker_file_holds_workers_only(tmp_path):
    place = plugin_folder(tmp_path)
    (place / "workers.yaml").write_text("broker: {url: 'kafka://elsewhere:9092'}\n")
    with pytest.raises(
        SettingsError, match=r"mine/workers\.yaml:1.*this file holds 'workers' only"
    ):
        load(tmp_path, "plugins: {dir: plugins}\n")


def test_extra_columns_become_columns_of_the_table(tmp_path):
    chain = handlers(
        "{type: delta, config: {table_name: claimx_tasks, extra_columns: {region: string}}}"
    )
    pipeline = load(tmp_path, chain)
    assert str(pipeline.tables["claimx_tasks"].column("region").type) == "string"


def test_an_extra_column_cannot_change_a_type(tmp_path):
    said = problems(
        tmp_path,
        handlers(
            "{type: delta, config: {table_name: claimx_tasks, extra_columns: {status: long}}}"
        ),
    )
    assert "'status' of type string" in said


def test_show_prints_the_chain_with_each_option_and_where_it_is_from(tmp_path):
    (tmp_path / "claimx.yaml").write_text(CHAIN.format(url="http://127.0.0.1:1"))
    done = run("worker", "show", "copies", "--json", cwd=tmp_path)
    (shown,) = json.loads(done.stdout)
    assert [stage["type"] for stage in shown["stages"]] == [
        "transform",
        "validation",
        "lookup",
        "send",
    ]
    assert shown["stages"][2]["options"]["cache_ttl"] == 60.0
    assert shown["stages"][2]["from"] == "claimx.yaml:18"
    text = run("worker", "show", "copies", cwd=tmp_path).stdout
    assert "3 lookup\tcache_ttl\t60.0\tclaimx.yaml:18" in text


def test_show_needs_a_worker_that_is_there(tmp_path):
    pipeline = load(tmp_path, "")
    with pytest.raises(UsageError, match="there is no worker 'nobody'"):
        pipeline.select(["nobody"])


@frozen
class NoOptions:
    """Options of a stage that has none."""


def test_a_chain_names_a_stage_that_nobody_registered(tmp_path):
    chain = Chain(lambda _: [StageSpec("gone", NoOptions())], worker="w")
    pipeline = load(tmp_path, "")
    resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock))
    with pytest.raises(Exception, match="worker 'w': there is no stage 'gone'"):
        chain(resources)
