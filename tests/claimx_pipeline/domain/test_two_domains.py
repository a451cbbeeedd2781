"""A second domain beside ClaimX in one process: the same workers, and nothing in common."""

import asyncio

import msgspec
import pytest

from claimx_pipeline import (
    ClaimxError,
    EnrichmentContext,
    Plugin,
    PluginResult,
    Topic,
    UsageError,
    hookimpl,
    operations,
)
from claimx_pipeline.hooks import CreateClaimxTask
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.rigs.second_domain import ACME, AcmeEvent, AcmePlugin, raw

EVENTS = 20
RAW, ASKED = "acme.events.raw", "acme.asked"


class Everything(Plugin):
    """Says of every event what it was shown."""

    name = "everything"

    def topics(self):
        return [Topic("test.everything", terminal=True)]

    def execute(self, context):
        return PluginResult.publish("test.everything", context.describe())


class OfAcme(Plugin):
    """Hears of one domain alone, and uses its words."""

    name = "of_acme"
    domains = ("acme",)

    def topics(self):
        return [Topic(ASKED, terminal=True)]

    def execute(self, context):
        job = context.job
        said = {"job": context.job_id, "amount": context.amount, "state": job and job["state"]}
        return PluginResult.publish(ASKED, said)


class Asking(Plugin):
    """Asks for a task in ClaimX because of a job."""

    name = "asking"
    domains = ("acme",)

    def execute(self, context):
        named = {"project_id": "700100"} if context.event_type == "OPENED" else {}
        return PluginResult.of(CreateClaimxTask(task_type="T", task_data={}, **named))


class SecondAcme(Plugin):
    """Brings the same domain again."""

    name = "second_acme"

    @hookimpl
    def claimx_register_domains(self):
        return [ACME]


@pytest.fixture
def both(claimx_sandbox):
    claimx_sandbox.install(AcmePlugin)
    return claimx_sandbox


def acme_events() -> list[dict]:
    return [
        raw(1, "j1", "OPENED", sum=5),
        raw(2, "j2", "OPENED"),
        raw(3, "j1", "CLOSED", sum=7, unread={"deep": [1.50]}),
        raw(4, "j3", "BROKEN_JOB"),
        raw(5, "j3", "UNHEARD_OF"),
    ]


def test_raw_events_of_both_become_rows_log_lines_and_dead_letters_of_their_own(both):
    both.happen(EVENTS)
    values = [msgspec.json.encode(event) for event in acme_events()]
    both.publish(RAW, *values, b"no event", key="k")
    both.run("claimx", "acme")

    assert {(row["event_id"], row["raw"]) for row in both.rows("acme_events")} == {
        (f"a{number}", value.decode()) for number, value in enumerate(values, 1)
    }
    jobs = {row["job_id"]: (row["state"], row["amount"]) for row in both.rows("acme_jobs")}
    assert jobs == {"j1": ("CLOSED", 7), "j2": ("OPENED", None)}
    log = both.rows("SELECT event_id, job_id, outcome, reason, jobs_rows FROM acme_event_log")
    assert {row["event_id"]: tuple(row.values())[1:] for row in log} == {
        "a1": ("j1", "enriched", "", 1),
        "a2": ("j2", "enriched", "", 1),
        "a3": ("j1", "enriched", "", 1),
        "a4": ("j3", "dead", "Acme has no such job", None),
        "a5": ("j3", "skipped", "no handler for events UNHEARD_OF", 0),
    }

    (of_ingest, of_events) = both.records("acme.events.dlq")
    workers = {DeadLetter.read(each).worker for each in (of_ingest, of_events)}
    assert workers == {"acme-ingest", "acme-events"}
    (of_enrichment,) = both.records("acme.enrichment.dlq")
    assert DeadLetter.read(of_enrichment).worker == "acme-enrichment"
    assert DeadLetter.read(of_enrichment).group == "acme-enrichment-worker"

    assert len(both.rows("claimx_events")) == len(both.rows("claimx_event_log")) == EVENTS
    assert {row["outcome"] for row in both.rows("claimx_event_log")} == {"enriched"}
    for topic in ("claimx.events.dlq", "claimx.enrichment.dlq", "claimx.entities.dlq"):
        assert both.records(topic) == []


def test_a_dead_letter_of_the_second_domain_is_found_by_its_event_and_replayed(both):
    both.publish(RAW, raw(4, "j3", "BROKEN_JOB"), key="j3")
    both.run("acme")

    async def replayed():
        wanted = operations.dead_letter_filter(both.pipeline, event_id="a4")
        plan = await operations.plan_replay(both.pipeline, wanted)
        return await operations.replay_dead_letters(both.pipeline, plan)

    assert asyncio.run(replayed()).groups.count == 1
    assert len(both.records("acme.enrichment.pending")) == 2
    assert both.records("claimx.enrichment.pending") == []


def test_one_domain_runs_without_the_other(both):
    both.happen(EVENTS)
    both.publish(RAW, raw(1, "j1", "OPENED"), key="j1")
    both.run("acme")
    assert len(both.rows("acme_event_log")) == 1
    assert both.rows("claimx_events") == []


def test_workers_are_chosen_by_name_by_domain_and_by_what_they_do(both):
    def named(*names: str) -> list[str]:
        return [worker.name for worker in both.pipeline.select(names)]

    own = ["acme-ingest", "acme-events", "acme-enrichment", "acme-entities"]
    assert [name for name in named("acme") if name.startswith("acme-")][:4] == own
    assert not {*own} & {*named("claimx")}
    assert {"actions", "retry"} <= {*named("claimx")} & {*named("acme")}
    assert named("enrichment") == ["enrichment"], "the first domain's workers have no prefix"
    assert "retry" not in named("download")


def test_a_plugin_hears_of_every_domain_or_of_those_that_it_names(both):
    both.install(Everything)
    both.install(OfAcme)
    (event,) = both.happen(1)
    both.publish(RAW, raw(1, "j1", "OPENED", sum=5), raw(5, "j3", "UNHEARD_OF"), key="k")
    both.run("claimx", "acme")
    assert sorted(both.messages("test.everything"), key=lambda said: said["event_id"]) == sorted(
        [
            {"event_id": "a1", "event_type": "OPENED", "domain": "acme", "job_id": "j1"},
            {"event_id": "a5", "event_type": "UNHEARD_OF", "domain": "acme", "job_id": "j3"},
            {
                "event_id": event.event_id,
                "event_type": event.event_type,
                "domain": "claimx",
                "project_id": event.project_id,
            },
        ],
        key=lambda said: said["event_id"],
    )
    assert sorted(both.messages(ASKED), key=lambda said: said["job"]) == [
        {"job": "j1", "amount": 5, "state": "OPENED"},
        {"job": "j3", "amount": None, "state": None},
    ]


def test_claimx_does_for_another_domain_what_names_its_project(both):
    both.install(Asking)
    both.publish(RAW, raw(1, "j1", "OPENED"), raw(3, "j1", "CLOSED"), key="k")
    both.run("acme-ingest", "acme-enrichment")
    (asked,) = both.messages("claimx.actions.pending")
    assert asked["create_claimx_task"]["project_id"] == "700100"
    assert (asked["job_id"], asked["event_id"]) == ("j1", "a1")
    (refused,) = both.records("acme.enrichment.dlq")
    assert "for an event of domain 'acme' must name its project" in DeadLetter.read(refused).error


def test_events_are_published_and_tried_by_domain(both):
    lines = [msgspec.json.encode(event) for event in acme_events()[:2]]
    done = asyncio.run(operations.publish_events(both.pipeline, lines, "acme"))
    assert (done.published, done.refused) == (2, [])
    assert sorted(record.key for record in both.records(RAW)) == [b"j1", b"j2"]
    event = operations.read_event(lines[0], both.pipeline, "acme")
    assert isinstance(event, AcmeEvent)
    context = asyncio.run(operations.context_of(both.pipeline, event))
    assert (context.domain, context.key, context.job["amount"]) == ("acme", "j1", 5)
    with pytest.raises(UsageError, match="no domain 'acne'; did you mean 'acme'"):
        asyncio.run(operations.publish_events(both.pipeline, lines, "acne"))
    with pytest.raises(UsageError, match="'acme' is a plugin's"):
        operations.read_event(lines[0], domain="acme")


def test_two_domains_of_one_name_are_refused(both):
    both.install(SecondAcme)
    with pytest.raises(ClaimxError, match="'second_acme' registers domain 'acme', which plugin"):
        assert both.pipeline.domains


def test_a_context_has_the_words_of_its_domain_and_no_others():
    event = AcmeEvent("a1", "OPENED", "j1", None)
    context = EnrichmentContext(event, ACME.rows(), domain="acme", key_name="job_id")
    assert (context.job_id, context.key, context.jobs, context.job) == ("j1", "j1", [], None)
    assert context.copy().job_id == "j1"
    with pytest.raises(AttributeError, match=r"'acme' has no 'tasks'.*AcmeEvent.*jobs"):
        assert context.tasks
