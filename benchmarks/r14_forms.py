"""R14: cabinet forms read, built and validated per second on one core, for each payload.

Absolute figures: forms per second of processor time, so that what else the machine does counts
little. The bare loop decodes the JSON that ClaimX answered, which the product's figure leaves out.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from importlib import resources
from typing import Any

import msgspec
from harness import Conditions, Measured, Result, Stopwatch

from itel_cabinet_plugin.form import ParsedForm, parse_form
from itel_cabinet_plugin.submission.payload import submission_of
from itel_cabinet_plugin.submission.schema import V1_SCHEMA, VENDOR_SCHEMA, SubmissionSchema
from itel_cabinet_plugin.submission.vendor import vendor_submission_of

FORMS_PER_SECOND = 1_400
"""What is to be exceeded."""

Build = Callable[[ParsedForm], dict[str, Any]]


def answer() -> bytes:
    """Return a completed task as ClaimX answers it: 50 questions, 21 photos."""
    data = resources.files("claimx_pipeline.simulator").joinpath("data/task_32513_completed.json")
    return data.read_bytes()


def vendor(parsed: ParsedForm) -> dict[str, Any]:
    """Return the vendor's payload, each photo with a link."""
    links = {
        photo.media_id: {"fullDownloadLink": f"https://files.example.com/{photo.media_id}.jpg"}
        for photo in parsed.attachments
    }
    return vendor_submission_of(parsed, links, carrier_id="carrier", subscription_id="abc")


def forms(content: bytes, build: Build, schema: SubmissionSchema, count: int) -> Measured:
    """Parse, build and validate *count* times."""
    watch, task = Stopwatch(), msgspec.json.decode(content)
    with watch.running():
        for _ in range(count):
            schema.check(build(parse_form(task)))
    return watch.measured(count)


def decoded(content: bytes, count: int) -> Measured:
    """Decode *count* times."""
    watch = Stopwatch()
    with watch.running():
        for _ in range(count):
            msgspec.json.decode(content)
    return watch.measured(count)


async def bench(run: Conditions) -> list[Result]:
    """Measure both payloads."""
    return measure(rounds=run.rounds, count=run.of(500, 5_000))


def measure(*, rounds: int, count: int) -> list[Result]:
    """Measure *count* forms per round and payload."""
    content, results = answer(), []
    ways: tuple[tuple[str, Build, str], ...] = (
        ("v1", submission_of, V1_SCHEMA),
        ("vendor", vendor, VENDOR_SCHEMA),
    )
    for name, build, schema_file in ways:
        schema = SubmissionSchema(schema_file)
        what = f"form parsed, payload {name} built and validated; forms/s"
        result = Result("R14", what, f">= {FORMS_PER_SECOND}", "forms/s")
        for number in range(rounds + 1):
            bare, ours = decoded(content, count), forms(content, build, schema, count)
            if number:
                result.ratios.append(ours.units / ours.cpu)
                result.product.append(ours.units / ours.cpu)
                result.bare.append(bare.units / bare.cpu)
                result.product_cpu.append(ours.cpu / ours.units)
                result.bare_cpu.append(bare.cpu / bare.units)
        result.met = statistics.median(result.ratios) >= FORMS_PER_SECOND
        print(result.line(), flush=True)
        results.append(result)
    return results
