"""Answers of the API as rows, column by column, and what the tables make of them."""

from __future__ import annotations

import copy
from datetime import UTC, date, datetime

import msgspec
import pytest

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.entities.contact import (
    contact_rows,
    link_contact_row,
    with_link_contact,
)
from claimx_pipeline.claimx.entities.external_link import link_rows
from claimx_pipeline.claimx.entities.media import media_row
from claimx_pipeline.claimx.entities.project import autolink_failure_row, project_row
from claimx_pipeline.claimx.entities.task import task_rows
from claimx_pipeline.claimx.entities.task_template import template_rows
from claimx_pipeline.claimx.entities.video_collab import video_of, video_row
from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.delta.writing.convert import to_arrow
from claimx_pipeline.domain.messages import EntityMessage
from tests.fakes.claimx_answers import MEDIA, PROJECT, TASK, VIDEO


def at(*parts):
    return datetime(2026, *parts, tzinfo=UTC)


STAMP = {
    "event_id": "e1",
    "created_at": at(1, 10, 10),
    "updated_at": at(1, 10, 10),
    "last_enriched_at": at(1, 10, 9),
}
PROJECT_ROW = {
    "project_id": "700100",
    "project_number": "CLM-0001",
    "master_file_name": "MFN-0001",
    "secondary_number": "POL-0001",
    "status": "Active",
    "created_date": at(1, 5, 9),
    "date_of_loss": at(1, 2),
    "type_of_loss": "WATER",
    "cause_of_loss": "Pipe",
    "loss_description": "text",
    "customer_first_name": "Holder",
    "customer_last_name": "Null",
    "custom_business_name": "Shop",
    "business_line_type": "RESIDENTIAL",
    "year_built": 1990,
    "square_footage": 2400.5,
    "street1": "1 Test St",
    "street2": "Flat 2",
    "city": "Testville",
    "state_province": "TS",
    "zip_postcode": "00000",
    "county": "Test",
    "country": "US",
    "primary_email": "holder@example.test",
    "primary_phone": "000-0001",
    "primary_phone_country_code": 1,
    "date_received": at(1, 3, 7),
    "date_contacted": at(1, 4, 10),
    "planned_inspection_date": None,
    "date_inspected": None,
    "appointment_date": at(1, 6, 10),
    "custom_attribute1": "a1",
    "custom_attribute2": "2",
    "custom_attribute3": None,
    "custom_external_unique_id": "ext-1",
    "company_name": "Test Carrier",
    **STAMP,
}
NO_CONTACT = {
    "project_id": "700100",
    "first_name": None,
    "last_name": None,
    "phone_number": None,
    "phone_country_code": None,
    "master_file_name": None,
    "task_assignment_id": None,
    "task_assigned_at": None,
    "video_collaboration_id": None,
    "created_date": date(2026, 1, 10),
    **STAMP,
}
HOLDER_ROW = {
    **NO_CONTACT,
    "contact_email": "holder@example.test",
    "contact_type": "POLICYHOLDER",
    "first_name": "Holder",
    "last_name": "Null",
    "phone_number": "000-0001",
    "phone_country_code": 1,
    "is_primary_contact": True,
}
CONTACT_ROWS = [
    HOLDER_ROW,
    {
        **NO_CONTACT,
        "contact_email": "rep@example.test",
        "contact_type": "CLAIM_REP",
        "is_primary_contact": True,
        "master_file_name": "MFN-0001",
    },
    {
        **NO_CONTACT,
        "contact_email": "second@example.test",
        "contact_type": "CLAIM_REP",
        "is_primary_contact": False,
    },
]
LINK_CONTACT_ROW = {
    **NO_CONTACT,
    "contact_email": "link@example.test",
    "contact_type": "POLICYHOLDER",
    "first_name": "Link",
    "last_name": "Person",
    "phone_country_code": 1,
    "is_primary_contact": False,
    "task_assignment_id": 300001,
    "task_assigned_at": at(1, 10, 8),
}
MEDIA_ROW = {
    "media_id": "500001",
    "project_id": "700100",
    "task_assignment_id": 300001,
    "file_type": "jpg",
    "file_name": "photo_1.jpg",
    "media_description": "front",
    "media_comment": "dark",
    "latitude": 40.1,
    "longitude": -105.2,
    "gps_source": "EXIF",
    "taken_date": at(1, 5, 10),
    "full_download_link": MEDIA["fullDownloadLink"],
    "expires_at": at(1, 6, 10),
    **STAMP,
}
TASK_ROW = {
    "assignment_id": 300001,
    "project_id": "700100",
    "task_id": 4001,
    "task_name": "Photo request",
    "form_id": "form-1",
    "assignee_id": 11,
    "assignor_id": 12,
    "assignor_email": "rep@example.test",
    "date_assigned": at(1, 5, 10),
    "date_completed": at(1, 6, 10, 0, 0, 500000),
    "cancelled_date": at(1, 7, 10),
    "cancelled_by_resource_id": 13,
    "status": "COMPLETED",
    "pdf_project_media_id": "500002",
    "date_exported": at(1, 8, 10),
    "form_response_id": "resp-1",
    "stp_enabled": False,
    "stp_started_date": at(1, 9, 10),
    "mfn": "MFN-0001",
    "xactimate_exportable": True,
    "fraud_language_accepted_date": at(1, 10, 10),
    "resubmit_task_assignment_id": 300000,
    "task_url": "https://example.test/t/300001",
    **STAMP,
}
TEMPLATE_ROW = {
    "task_id": 4001,
    "comp_id": 9,
    "name": "Photo request",
    "description": "d",
    "form_id": "form-1",
    "form_name": "Form",
    "enabled": True,
    "is_default": False,
    "is_manual_delivery": False,
    "is_external_link_delivery": True,
    "provide_portal_access": False,
    "notify_assigned_send_recipient": True,
    "notify_assigned_send_recipient_sms": False,
    "notify_assigned_subject": "s",
    "notify_task_completed": True,
    "notify_completed_subject": "s2",
    "allow_resubmit": True,
    "auto_generate_pdf": False,
    "modified_by": "admin",
    "modified_by_id": 12,
    "modified_date": datetime(2025, 12, 1, tzinfo=UTC),
    **STAMP,
}
LINK_ROW = {
    "link_id": 800001,
    "assignment_id": 300001,
    "project_id": "700100",
    "link_code": "ABC123",
    "url": "https://example.test/l/ABC123",
    "notification_access_method": "EMAIL",
    "country_id": 1,
    "state_id": 2,
    "created_date": None,
    "last_accessed": None,
    "accessed_count": 0,
    **STAMP,
}
VIDEO_ROW = {
    "video_collaboration_id": 900001,
    "claim_id": "700100",
    "mfn": "MFN-0001",
    "claim_number": "CLM-0001",
    "policy_number": "POL-0001",
    "email_user_name": "rep@example.test",
    "claim_rep_first_name": "Rep",
    "claim_rep_last_name": "One",
    "claim_rep_full_name": "Rep One",
    "number_of_videos": 1,
    "number_of_photos": 2,
    "number_of_viewers": 3,
    "session_count": 4,
    "total_time_seconds": "123.456",
    "total_time": "00:02:03",
    "created_date": at(1, 5, 10),
    "live_call_first_session": at(1, 5, 10, 1),
    "live_call_last_session": at(1, 5, 10, 3),
    "company_id": 9,
    "company_name": "Test Carrier",
    "guid": "00000000-0000-0000-0000-000000000001",
    **STAMP,
}
GOLDEN = {
    "projects": PROJECT_ROW,
    "contacts": LINK_CONTACT_ROW,
    "media": MEDIA_ROW,
    "task_templates": TEMPLATE_ROW,
    "tasks": TASK_ROW,
    "external_links": LINK_ROW,
    "video_collab": VIDEO_ROW,
}
NEVER_GIVEN = {
    "projects": {
        "coverages",
        "contents_task_sent",
        "contents_task_at",
        "master_file_name_at",
        "policyholder_invited_at",
        "policyholder_joined_at",
        "xa_autolink_fail",
        "xa_autolink_fail_at",
    }
}


@pytest.mark.incident("DEL-12")
def test_a_project_and_its_contacts(origin, unreadable):
    row = project_row(PROJECT, "700100", origin)
    assert row == PROJECT_ROW
    assert contact_rows(PROJECT, row, origin) == CONTACT_ROWS
    assert not unreadable.counts


@pytest.mark.incident("DEL-12")
def test_a_task_and_what_belongs_to_it(origin, unreadable):
    assert task_rows(TASK, 300001, "700100", origin) == [TASK_ROW]
    assert template_rows(TASK, 300001, "700100", origin) == [TEMPLATE_ROW]
    assert link_rows(TASK, 300001, "700100", origin) == [LINK_ROW]
    assert link_contact_row(TASK, 300001, "700100", origin) == LINK_CONTACT_ROW
    assert not unreadable.counts


@pytest.mark.incident("DEL-12")
def test_a_file(origin, unreadable):
    assert media_row(MEDIA, "500001", "700100", origin) == MEDIA_ROW
    assert not unreadable.counts


@pytest.mark.incident("DEL-12")
def test_a_video_call(origin, unreadable):
    assert video_row(VIDEO, "700100", origin) == VIDEO_ROW
    assert not unreadable.counts


@pytest.mark.parametrize("kind", GOLDEN)
@pytest.mark.incident("DEL-02")
def test_a_row_goes_through_its_message_into_its_table(kind):
    rows = EntityRows(**{kind: [dict(GOLDEN[kind])]})
    sent = CLAIMX.messages.encode(EntityMessage("e1", "A", "700100", {}, rows))
    received = getattr(CLAIMX.messages.decode(sent).rows, kind)
    assert received == [GOLDEN[kind]]
    table, refused = to_arrow(ENTITY_TABLES[kind], received)
    assert refused == []
    stored = table.to_pylist()[0]
    absent = NEVER_GIVEN.get(kind, set())
    assert {name for name in stored if name not in GOLDEN[kind]} == absent
    assert {name: stored[name] for name in GOLDEN[kind]} == GOLDEN[kind]


@pytest.mark.incident("API-08")
def test_a_project_without_an_id_has_the_one_asked_for(origin):
    assert project_row({"project": {}}, "7", origin)["project_id"] == "7"


@pytest.mark.parametrize(
    ("emails", "found"),
    [
        ([], None),
        (None, None),
        ([{"emailAddress": "a"}, {"emailAddress": "b"}], "a"),
        ([{"emailAddress": "a"}, {"emailAddress": "b", "primary": True}], "b"),
        ([{"emailAddress": "a"}, {"emailAddress": "", "primary": True}], "a"),
    ],
)
def test_the_primary_address_is_the_holders(origin, emails, found):
    body = {"project": {"customerInformation": {"emails": emails}}}
    row = project_row(body, "7", origin)
    assert row["primary_email"] == found
    assert len(contact_rows(body, row, origin)) == bool(found)


@pytest.mark.parametrize(
    ("change", "kind", "column"),
    [
        ({"taskAssignmentID": 5, "taskAssignmentId": None}, "media", "task_assignment_id"),
        ({"taskAssignmentID": "5", "taskAssignmentId": ""}, "media", "task_assignment_id"),
    ],
)
def test_a_file_is_read_in_both_spellings(origin, change, kind, column):
    assert media_row(MEDIA | change, "500001", "700100", origin)[column] == 5


def test_templates_and_projects_are_read_in_both_spellings(origin):
    custom = {"taskId": 1, "isDefault": True, "allowResubmit": True}
    (row,) = template_rows({"customTask": custom}, 1, "7", origin)
    assert (row["is_default"], row["allow_resubmit"]) == (True, True)
    body = {"project": {"mfn": None, "masterFilename": "M"}}
    assert project_row(body, "7", origin)["master_file_name"] == "M"


def test_a_template_without_an_id_has_that_of_the_task(origin):
    (row,) = template_rows({"taskId": 4, "customTask": {"name": "n"}}, 1, "7", origin)
    assert row["task_id"] == 4


def test_no_template_or_link_makes_no_row(origin, unreadable):
    body = {"customTask": None, "externalLinkData": None}
    assert template_rows(body, 1, "7", origin) == []
    assert link_rows(body, 1, "7", origin) == []
    assert link_contact_row(body, 1, "7", origin) is None
    assert not unreadable.counts


def test_a_link_without_an_id_is_counted(origin, unreadable):
    assert link_rows({"externalLinkData": {"url": "x"}}, 1, "7", origin) == []
    assert unreadable.counts["external_links", "link_id"] == 1


def test_what_cannot_be_read_is_null_counted_and_logged_once(origin, unreadable, caplog):
    body = copy.deepcopy(TASK)
    body |= {"dateAssigned": "soon", "assigneeId": 1.5, "status": True}
    for _ in range(3):
        (row,) = task_rows(body, 300001, "700100", origin)
    changed = {"date_assigned": None, "assignee_id": None, "status": None}
    assert row == TASK_ROW | changed
    assert unreadable.counts == {("tasks", column): 3 for column in changed}
    assert caplog.text.count("date_assigned of tasks cannot be read") == 1
    assert "'soon'" in caplog.text


def test_a_signed_link_is_not_logged(origin, caplog):
    media_row(MEDIA | {"takenDate": "https://a.test/x?sign=SECRET"}, "1", "7", origin)
    assert "https://a.test/x?" in caplog.text
    assert "SECRET" not in caplog.text


@pytest.mark.parametrize(
    "body",
    [
        {"project": {"customerInformation": "x", "address": [1]}, "teamMembers": "y"},
        {"project": {"customerInformation": {"emails": {}, "phones": ["x"]}}},
        {"project": [], "teamMembers": [1]},
    ],
)
def test_a_wrong_shape_is_counted_not_lost_in_silence(origin, unreadable, body):
    row = project_row(body, "7", origin)
    contact_rows(body, row, origin)
    assert row["project_id"] == "7"
    assert unreadable.counts


def test_the_link_of_the_holder_makes_no_second_contact(origin):
    link = LINK_CONTACT_ROW | {"contact_email": "holder@example.test", "first_name": "Nick"}
    merged, *others = with_link_contact(CONTACT_ROWS, link)
    assert merged == HOLDER_ROW | {"task_assignment_id": 300001, "task_assigned_at": at(1, 10, 8)}
    assert others == CONTACT_ROWS[1:]


def test_the_link_of_another_person_is_a_contact_of_its_own():
    assert with_link_contact(CONTACT_ROWS, LINK_CONTACT_ROW) == [*CONTACT_ROWS, LINK_CONTACT_ROW]


def test_a_failed_autolink_says_nothing_else(origin):
    assert autolink_failure_row("7", origin) == {
        "project_id": "7",
        "xa_autolink_fail": True,
        "xa_autolink_fail_at": at(1, 10, 8),
        **STAMP,
    }


def video(number, claim):
    return {"id": number, "claimId": claim}


@pytest.mark.parametrize(
    ("items", "video_id", "found"),
    [
        ([video(1, 7), video(2, 7)], "2", 2),
        ([video(1, 8), video(2, 7)], None, 2),
        ([video(1, 8), video(2, "7")], "9", 2),
        ([video(1, 8)], None, 1),
        ([video(1, 8), video(2, 9)], None, None),
        ([], None, None),
    ],
)
def test_a_video_call_is_found_by_its_id_else_its_claim_else_alone(
    items, video_id, found, unreadable
):
    item = video_of(items, video_id, "7", unreadable)
    assert (item and item["id"]) == found


def test_a_video_call_without_an_id_makes_no_row(origin):
    assert video_row({"claimId": 7}, "7", origin) is None


def test_the_representatives_name_is_put_together_if_it_is_missing(origin):
    item = VIDEO | {"claimRepFullName": None, "claimRepFirstName": None}
    assert video_row(item, "7", origin)["claim_rep_full_name"] == "One"


def test_rows_hold_nothing_but_columns_of_their_table():
    for kind, row in GOLDEN.items():
        assert row.keys() <= {column.name for column in ENTITY_TABLES[kind].columns}
    assert msgspec.json.encode(GOLDEN)
