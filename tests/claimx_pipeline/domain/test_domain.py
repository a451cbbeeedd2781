"""``Domain``: what follows from its name, and what a plugin can add to it."""

from datetime import UTC, datetime

import pytest
from attrs import evolve

from claimx_pipeline import (
    ClaimxError,
    DecodeError,
    EntityRows,
    Handled,
    Plugin,
    hookimpl,
)
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.plugins.action_messages import decode_action
from claimx_pipeline.workers import enrichment, entities, events, ingest
from tests.rigs.second_domain import ACME, AcmePlugin


class NoteHandler:
    name = "notes"
    event_types = frozenset({"NOTE_ADDED"})
    event_prefixes = ()

    async def handle(self, project_id, events, reader):
        return [Handled(EntityRows()) for _ in events]


def test_the_names_of_claimx_are_those_of_its_installations():
    """Topics, groups, families, tables and workers that exist keep their names for ever."""
    specs = [room.worker(CLAIMX) for room in (ingest, events, enrichment, entities)]
    assert [(spec.name, spec.group, spec.family) for spec in specs] == [
        ("ingest", "claimx-event-ingester-worker", None),
        ("events", "claimx-events-writer", None),
        ("enrichment", "claimx-enrichment-worker", "claimx.enrichment"),
        ("entities", "claimx-entity-writer", None),
    ]
    topics = {topic.name for spec in specs for topic in spec.topics().all()}
    assert topics == {
        "claimx.events.raw",
        "claimx.events.dlq",
        "claimx.enrichment.pending",
        "claimx.enrichment.dlq",
        "claimx.entities.rows",
        "claimx.entities.dlq",
        "claimx.downloads.pending",
        "claimx.actions.pending",
    }
    assert [table.name for table in CLAIMX.all_tables()] == [
        "claimx_events",
        "claimx_event_log",
        "claimx_projects",
        "claimx_contacts",
        "claimx_attachment_metadata",
        "claimx_task_templates",
        "claimx_tasks",
        "claimx_external_links",
        "claimx_video_collab",
        "claimx_attachments",
    ]


def test_the_names_of_another_domain_follow_from_its_own():
    spec = enrichment.worker(ACME)
    assert (spec.name, spec.group, spec.family) == (
        "acme-enrichment",
        "acme-enrichment-worker",
        "acme.enrichment",
    )
    assert spec.reads == (ACME.topics.enrichment_pending,)
    assert spec.dead_letters.name == "acme.enrichment.dlq"
    assert spec.dead_letters.terminal
    assert ACME.topics.events_raw.source
    assert spec.sets == {"acme"}
    assert spec.formerly == frozenset(), "there was no such worker before"


@pytest.mark.parametrize("name", ["", "Acme", "1acme", "a.b", "a b", "x" * 41])
def test_a_name_that_cannot_be_part_of_a_topic_is_refused(name):
    with pytest.raises(ValueError, match="a domain cannot be called"):
        evolve(ACME, name=name)


class WithoutPrefix(Plugin):
    """Would call its workers as the first domain does."""

    name = "without_prefix"

    @hookimpl
    def claimx_register_domains(self):
        return [evolve(ACME, worker_prefix="")]


class OfAcme(NoteHandler):
    name = "acme_notes"
    domain = "acme"


class OfNone(NoteHandler):
    domain = "nowhere"


class Handlers(Plugin):
    """Registers handlers for two domains."""

    name = "handlers"

    @hookimpl
    def claimx_register_handlers(self):
        return [NoteHandler(), OfAcme()]


class Stray(Plugin):
    """Registers a handler of a domain that is not loaded."""

    name = "stray"

    @hookimpl
    def claimx_register_handlers(self):
        return [OfNone()]


def test_two_domains_whose_workers_would_have_one_name_are_refused(claimx_sandbox):
    claimx_sandbox.install(WithoutPrefix)
    with pytest.raises(ClaimxError, match="workers of domains 'claimx' and 'acme' would have"):
        assert claimx_sandbox.pipeline.domains


def test_a_handler_is_of_the_first_domain_or_of_the_one_that_it_names(claimx_sandbox):
    claimx_sandbox.install(AcmePlugin)
    claimx_sandbox.install(Handlers)
    handlers = claimx_sandbox.pipeline.handlers
    assert [each.name for each in handlers["claimx"]][-1] == "notes"
    assert [each.name for each in handlers["acme"]] == ["jobs", "acme_notes"]


def test_a_handler_of_a_domain_that_is_not_loaded_is_refused(claimx_sandbox):
    claimx_sandbox.install(Stray)
    with pytest.raises(ClaimxError, match="handler 'notes' is for domain 'nowhere', which is not"):
        assert claimx_sandbox.pipeline.handlers


ASKED = (
    b'{"kind":"create_claimx_task","plugin":"p","event_id":"e","project_id":"7","webhook":null,'
    b'"create_claimx_task":{"task_type":"T","task_data":{"a":1},"connection":"claimx_api",'
    b'"project_id":"7"}}'
)


def test_an_action_that_the_last_version_wrote_is_read():
    action = decode_action(ASKED, {kind.name: kind for kind in CLAIMX.actions})
    assert (action.kind, action.asked.task_type, action.asked.project_id) == (
        "create_claimx_task",
        "T",
        "7",
    )


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (ASKED, "of the kind 'create_claimx_task', which this worker does not know"),
        (ASKED.replace(b"create_claimx_task", b"telephone"), "kind 'telephone'"),
    ],
)
def test_an_action_of_a_kind_that_is_not_known_waits_for_the_plugin(value, why):
    with pytest.raises(DecodeError, match=f"plugin 'p' asks .*{why}.*then replay"):
        decode_action(value)


def test_events_of_a_task_have_a_time_with_a_zone():
    task = b'{"event_id":"a","event_type":"OPENED","job_id":"j","ingested_at":"%s"}'
    read = ACME.messages.event_of_task(task % b"2026-01-01T02:00:00+02:00")
    assert read.ingested_at == datetime(2026, 1, 1, tzinfo=UTC)
    assert read.ingested_at.tzinfo is UTC
    for wrong in (b"2026-01-01T02:00:00", b"0001-01-01T00:00:00+14:00"):
        with pytest.raises(DecodeError, match="enrichment task: its 'ingested_at'"):
            ACME.messages.event_of_task(task % wrong)
