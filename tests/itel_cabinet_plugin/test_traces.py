"""Spans of every worker, sent to a collector on loopback, and linked by ``traceparent``."""

import gzip
import json
import subprocess
import sys

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from claimx_pipeline import OutRecord, operations
from claimx_pipeline.runtime import headers
from tests.fakes.http_service import Asked, Reply, http_service
from tests.rigs import topics
from tests.rigs.whole_pipeline import whole_pipeline

pytestmark = pytest.mark.plugin

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"

EVENTS = 20


def spans_in(asked: list[Asked]) -> list[dict]:
    found = []
    for each in asked:
        body = each.body
        if each.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        sent = ExportTraceServiceRequest.FromString(body)
        for resource in sent.resource_spans:
            for scope in resource.scope_spans:
                found += [
                    {
                        "trace": span.trace_id.hex(),
                        "span": span.span_id.hex(),
                        "parent": span.parent_span_id.hex(),
                        "error": span.status.code == 2,
                        "said": span.status.message,
                        **{
                            one.key: one.value.string_value or one.value.int_value
                            for one in span.attributes
                        },
                    }
                    for span in scope.spans
                ]
    return found


async def test_a_trace_goes_through_every_worker(tmp_path):
    async with (
        http_service(lambda _: Reply(b"", headers={"content-type": "x"})) as collector,
        whole_pipeline(
            tmp_path, overrides={"tracing.endpoint": f"{collector.url}/v1/traces"}
        ) as whole,
    ):
        whole.world.set_clock(whole.world.end(EVENTS))
        raw = whole.pipeline.topology.physical("claimx.events.raw")
        first, *others = whole.world.events(EVENTS)
        traced = (("traceparent", f"00-{TRACE}-{PARENT}-01".encode()),)
        await topics.publish(
            whole.pipeline.broker(),
            [
                OutRecord(raw, json.dumps(first.value).encode(), b"p", traced),
                *(OutRecord(raw, json.dumps(each.value).encode(), b"p") for each in others),
                OutRecord(raw, b"{token: secret-word", b"p"),
            ],
        )
        await operations.run_until_idle(whole.pipeline, "claimx")
        sent = spans_in(collector.asked)
        tasks = await whole.records("claimx.enrichment.pending")
    assert set(collector.paths()) == {"POST /v1/traces"}
    mine = [span for span in sent if span["trace"] == TRACE]
    by_worker = {span["claimx.worker"]: span for span in mine}
    assert by_worker.keys() >= {"ingest", "events", "enrichment", "entities"}
    assert {by_worker[name]["parent"] for name in ("ingest", "events")} == {PARENT}
    assert by_worker["enrichment"]["parent"] == by_worker["ingest"]["span"]
    assert by_worker["entities"]["parent"] == by_worker["enrichment"]["span"]
    assert {span["claimx.correlation_id"] for span in mine} == {TRACE}
    failed = [span for span in sent if span["error"]]
    assert {span["claimx.outcome"] for span in failed} == {"dead"}
    parents = [headers.header(each.headers, "traceparent") for each in tasks]
    assert all(parents), "whoever reads a topic can go on with the trace"


async def test_a_collector_that_is_unavailable_stops_nothing(tmp_path):
    overrides = {
        "tracing.endpoint": "http://127.0.0.1:9/v1/traces",
        "tracing.timeout_seconds": "0.2",
    }
    async with whole_pipeline(tmp_path, overrides=overrides) as whole:
        await whole.publish(5)
        done = await operations.run_until_idle(whole.pipeline, "claimx")
        assert sum(each.done for each in done) > 5
        assert len(whole.rows("SELECT event_id FROM claimx_event_log")) == 5


def test_nothing_of_it_is_imported_where_it_is_off():
    program = (
        "import sys, claimx_pipeline.operations.run, claimx_pipeline.runtime.loop; "
        "print([each for each in sys.modules if each.startswith('opentelemetry')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "[]"


def test_without_the_extra_the_setting_is_refused_in_a_sentence():
    program = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "from claimx_pipeline.errors import SettingsError\n"
        "try:\n    import claimx_pipeline.telemetry.tracing\n"
        "except SettingsError as error:\n    print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    assert "pip install 'claimx-pipeline[otel]'" in done.stdout
