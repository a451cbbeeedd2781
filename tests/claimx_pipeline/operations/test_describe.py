"""Workers and plugins from Python, as the settings leave them."""

import pytest

from claimx_pipeline import UsageError, operations

CHAIN = """\
broker: {prefix: "dev."}
retry: {delays_seconds: [1, 2]}
workers:
  copies:
    input_topic: claims.found
    success_topic: claims.copied
    enrichment_handlers:
      - {type: transform, config: {defaults: {source: claimx}}}
"""

TRIGGER = """\
name: task_trigger
module: claimx_pipeline.plugins.task_trigger
class: TaskTriggerPlugin
config:
  triggers:
    32513: {name: cabinets, on_any: {publish_to_topic: cabinets}}
"""


def test_a_worker_is_described_with_its_chain_as_the_broker_calls_things(load):
    found = operations.describe_worker(load(CHAIN), "copies")
    assert (found.worker, found.reads, found.writes) == (
        "copies",
        ["dev.claims.found"],
        ["dev.claims.copied"],
    )
    (stage,) = found.stages
    assert (stage.type, stage.options["defaults"]) == ("transform", {"source": "claimx"})
    assert "claimx.yaml" in stage.origin


def test_the_retry_ladder_of_a_worker_is_described(load):
    found = operations.describe_worker(load(CHAIN), "enrichment")
    families = [topic.partition(".retry.")[0] for topic in found.retry_topics]
    assert families == ["dev.claimx.enrichment"] * 2 + ["dev.claimx.plugins"] * 2
    assert found.dead_letters == "dev.claimx.enrichment.dlq"
    assert found.tables == []


def test_a_set_of_workers_cannot_be_described(load):
    with pytest.raises(UsageError, match="'claimx' is a set of workers; name one of them"):
        operations.describe_worker(load(), "claimx")


def test_a_plugin_is_described_with_what_it_brings(load, tmp_path):
    folder = tmp_path / "plugins" / "config" / "task_trigger"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(TRIGGER)
    found = operations.describe_plugin(load(), "task_trigger")
    assert (found.info.state, found.publishes_to) == ("loaded", ["cabinets"])
    assert found.summary
    assert set(found.brings) == {"workers", "tables", "stages", "queries", "handlers"}
    assert any("triggers" in line for line in found.settings)


def test_a_plugin_that_is_switched_off_is_described_by_its_state(load):
    text = "plugins: {itel_cabinet_form: {enabled: false}}\n"
    pytest.importorskip("itel_cabinet_plugin")
    found = operations.describe_plugin(load(text), "itel_cabinet_form")
    assert (found.info.state, found.summary, found.brings) == ("disabled", "", {})


def test_a_plugin_that_does_not_exist_is_said_with_those_that_do(load):
    with pytest.raises(UsageError, match="there is no plugin 'nope'; there are"):
        operations.describe_plugin(load(), "nope")
