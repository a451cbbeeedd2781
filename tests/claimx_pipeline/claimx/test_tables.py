from __future__ import annotations

import pyarrow as pa
import pytest

from claimx_pipeline.claimx.entities import FROM_TASK, KINDS, EntityRows
from claimx_pipeline.claimx.tables import ENTITY_TABLES, EVENT_LOG, EVENTS, TABLES

PROJECTS, CONTACTS, MEDIA = (ENTITY_TABLES[kind] for kind in ("projects", "contacts", "media"))
TASK_TEMPLATES, TASKS = ENTITY_TABLES["task_templates"], ENTITY_TABLES["tasks"]
EXTERNAL_LINKS, VIDEO_COLLAB = ENTITY_TABLES["external_links"], ENTITY_TABLES["video_collab"]


def test_every_kind_has_its_table_parents_first():
    assert EntityRows.kinds() == tuple(kind.name for kind in KINDS) == tuple(ENTITY_TABLES)
    known = {
        "projects": "claimx_projects",
        "contacts": "claimx_contacts",
        "media": "claimx_attachment_metadata",
        "task_templates": "claimx_task_templates",
        "tasks": "claimx_tasks",
        "external_links": "claimx_external_links",
        "video_collab": "claimx_video_collab",
    }
    found = {kind: table.name for kind, table in ENTITY_TABLES.items()}
    assert [item for item in found.items() if item[0] in known] == list(known.items())


def test_only_what_belongs_to_the_project_survives_a_filter():
    assert [kind.name for kind in KINDS if kind.survives_filter] == ["projects", "contacts"]


def test_a_tasks_answer_brings_kinds_of_the_one_list_once():
    found = [kind for kind, _ in FROM_TASK]
    assert all(kind in KINDS and found.count(kind) == 1 for kind in found)


def test_names_are_not_repeated():
    assert len({table.name for table in TABLES}) == len(TABLES) == len(KINDS) + 3


@pytest.mark.parametrize(
    ("table", "key", "bucket"),
    [
        (EVENT_LOG, ("event_id",), "project_id"),
        (PROJECTS, ("project_id",), "project_id"),
        (CONTACTS, ("project_id", "contact_email", "contact_type"), "project_id"),
        (MEDIA, ("media_id",), "project_id"),
        (TASKS, ("assignment_id",), "project_id"),
        (TASK_TEMPLATES, ("task_id",), None),
        (EXTERNAL_LINKS, ("link_id",), "project_id"),
        (VIDEO_COLLAB, ("video_collaboration_id",), "claim_id"),
    ],
)
def test_keyed_tables_are_merged_on_their_key(table, key, bucket):
    assert (table.mode, table.key, table.bucket_column) == ("merge", key, bucket)


def test_events_are_appended_once_by_date():
    assert (EVENTS.mode, EVENTS.key) == ("append", ("event_id",))
    assert (EVENTS.event_time, EVENTS.partition_by) == ("ingested_at", ("event_date",))


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_column_is_documented_and_every_key_required(table):
    assert table.doc
    assert not [c.name for c in table.columns if not (c.doc and c.source)]
    for name in (*table.key, *filter(None, [table.bucket_column])):
        assert not table.column(name).nullable


@pytest.mark.parametrize("table", ENTITY_TABLES.values(), ids=lambda table: table.name)
def test_entity_tables_share_their_bookkeeping(table):
    assert table.answer_time == "last_enriched_at"
    for name in ("event_id", "created_at", "updated_at", "last_enriched_at"):
        assert table.column(name).bookkeeping


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
@pytest.mark.incident("DEL-02")
def test_ids_and_times_have_one_type_everywhere(table):
    longs = {"assignment_id", "task_assignment_id", "link_id", "video_collaboration_id", "task_id"}
    strings = {"project_id", "media_id", "claim_id", "event_id"}
    for column in table.columns:
        if column.name in longs:
            assert column.type == pa.int64()
        if column.name in strings:
            assert column.type == pa.string()
        if column.name.endswith("_at"):
            assert column.type == pa.timestamp("us", tz="UTC")


def test_what_changes_with_every_run_is_bookkeeping():
    assert {column.name for column in MEDIA.columns if column.bookkeeping} >= {
        "full_download_link",
        "expires_at",
    }
    log = {column.name for column in EVENT_LOG.columns if column.bookkeeping}
    counts = {f"{kind}_rows" for kind in ENTITY_TABLES}
    assert log >= counts
    origin = {"correlation_id", "raw_topic", "raw_partition", "raw_offset"}
    assert log >= origin
    assert log - origin - counts == {"api_calls", "attempts", "duration_ms", "enriched_at"}


@pytest.mark.incident("DEL-12")
@pytest.mark.parametrize(
    ("table", "columns"),
    [
        (
            PROJECTS,
            (
                "project_id project_number master_file_name secondary_number status created_date "
                "date_of_loss type_of_loss cause_of_loss loss_description customer_first_name "
                "customer_last_name street1 city state_province zip_postcode primary_email "
                "primary_phone custom_attribute1 custom_attribute2 custom_attribute3 coverages "
                "contents_task_sent contents_task_at xa_autolink_fail xa_autolink_fail_at created_at "
                "updated_at last_enriched_at custom_business_name business_line_type year_built "
                "square_footage street2 county country primary_phone_country_code date_received "
                "date_contacted planned_inspection_date date_inspected appointment_date "
                "custom_external_unique_id company_name policyholder_invited_at policyholder_joined_at"
            ),
        ),
        (
            TASKS,
            (
                "assignment_id task_id project_id assignee_id assignor_id date_assigned date_completed "
                "status stp_enabled mfn task_name form_id assignor_email cancelled_date "
                "cancelled_by_resource_id pdf_project_media_id date_exported form_response_id "
                "stp_started_date xactimate_exportable fraud_language_accepted_date "
                "resubmit_task_assignment_id task_url"
            ),
        ),
        (
            MEDIA,
            (
                "media_id project_id task_assignment_id file_type file_name media_description "
                "media_comment latitude longitude gps_source taken_date full_download_link expires_at"
            ),
        ),
        (
            CONTACTS,
            (
                "project_id contact_email contact_type first_name last_name phone_number "
                "phone_country_code is_primary_contact master_file_name task_assignment_id "
                "video_collaboration_id created_at created_date last_enriched_at updated_at"
            ),
        ),
    ],
    ids=["projects", "tasks", "media", "contacts"],
)
def test_every_documented_column_is_there(table, columns):
    assert set(columns.split()) <= {column.name for column in table.columns}
