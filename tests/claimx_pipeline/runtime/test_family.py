"""Which worker has retry topics, if it does not say so itself."""

import pytest
from attrs import evolve

from claimx_pipeline import Pipeline, Topic, WorkerSpec
from claimx_pipeline.stages import Chain

BARE = WorkerSpec(
    name="acme-look", summary="", group="g", reads=(Topic("a", source=True),), build=Chain.of()
)


@pytest.mark.parametrize(
    ("changes", "family"),
    [
        ({}, None),
        ({"needs": ("broker", "tables", "storage.files")}, None),
        ({"needs": ("broker", "connections.acme")}, "acme-look"),
        ({"needs": ("claimx.api",)}, "acme-look"),
        ({"needs": ("connections.acme",), "waits": True}, None),
        ({"needs": ("connections.acme",), "family": "acme"}, "acme"),
        ({"family": "acme"}, "acme"),
        # Its input is not a topic, so nothing can be put back into it.
        ({"needs": ("connections.acme",), "intake": object()}, None),
    ],
)
def test_a_worker_that_calls_a_service_has_a_ladder_unless_it_says_that_it_waits(changes, family):
    assert evolve(BARE, **changes).own_family == family


LOOKING = """
connections: {desk: {base_url: "http://127.0.0.1:9"}}
retry: {delays_seconds: [60, 120]}
workers:
  acme-look:
    input_topic: acme.asked
    enrichment_handlers:
      - {type: lookup, config: {connection: desk, endpoint: /x, result_field: found}}
  acme-plain:
    input_topic: acme.asked
    consumer_group: acme-plain
    enrichment_handlers: [{type: transform, config: {defaults: {a: b}}}]
"""


def test_the_ladder_and_its_topics_are_there_once_a_chain_calls_a_service(tmp_path):
    (tmp_path / "claimx.yaml").write_text(LOOKING)
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    worker = pipeline.workers["acme-look"]
    assert worker.family == "acme-look"
    assert worker.retry.delays == (60, 120)
    assert "acme-look.retry.1m" in pipeline.topology.topics
