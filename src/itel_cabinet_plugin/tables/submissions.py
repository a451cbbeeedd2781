"""``itel_cabinet_submissions``: every request to the iTel Cabinet API and its answer."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.tables import DOUBLE, INT, LONG, STRING, TIMESTAMP, Column, TableSpec

SUBMISSIONS: Final = TableSpec(
    name="itel_cabinet_submissions",
    summary="One row per request to iTel: what was sent, when, and what they said; and one per "
    "form that is not for iTel.",
    doc=(
        "Written by the worker `itel-results` from `itel.cabinet.api.attempts`, on which "
        "`itel-api` reports every request that it made, whatever came of it."
    ),
    mode="merge",
    key=("idempotency_key", "attempt_id"),
    age="ended_at",
    columns=(
        Column(
            "idempotency_key",
            STRING,
            nullable=False,
            source="assignment and form response",
            doc="Names the form; the same at each try.",
        ),
        Column(
            "attempt_id",
            STRING,
            nullable=False,
            source="made for the request",
            doc="Names the request (X-Attempt-Id).",
        ),
        Column(
            "assignment_id",
            LONG,
            source="the task",
            doc="The task assignment; see claimx_itel_forms.",
        ),
        Column("form_response_id", STRING, source="the task", doc="Id of the filled-in form."),
        Column("project_id", STRING, source="the task", doc="The claim; see claimx_projects."),
        Column(
            "event_id",
            STRING,
            source="the event",
            doc="The event that caused the submission; see claimx_events.",
        ),
        Column(
            "outcome",
            STRING,
            source="iTel's answer",
            doc="accepted, refused (for good), failed (may be tried again), unanswered or "
            "not_routed.",
        ),
        Column(
            "status_code", INT, source="iTel's answer", doc="HTTP status; null if no answer came."
        ),
        Column(
            "itel_task_id",
            STRING,
            source="`itel_task_id` of iTel's answer",
            doc="What iTel calls the submission.",
        ),
        Column(
            "response",
            STRING,
            source="iTel's answer",
            doc="The answer's body, cut after 2,000 characters.",
        ),
        Column(
            "error",
            STRING,
            source="the `itel-api` worker",
            doc="What went wrong, or why the form is not routed; null if it was accepted.",
        ),
        Column(
            "payload_hash",
            STRING,
            source="the request's body",
            doc="SHA-256 of what was sent, keys sorted.",
        ),
        Column(
            "latency_ms",
            DOUBLE,
            bookkeeping=True,
            source="the clock of the `itel-api` worker",
            doc="Milliseconds from sending to the answer.",
        ),
        Column(
            "sent_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `itel-api` worker",
            doc="When it was sent; null if it was not.",
        ),
        Column(
            "ended_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `itel-api` worker",
            doc="When it was answered, or failed without an answer.",
        ),
        Column(
            "created_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `itel-results` worker",
            doc="When this row was made.",
        ),
        Column(
            "accepted_by",
            STRING,
            source="the rules of the payload",
            doc="Rule by which an answer other than 2xx counts as accepted; null without one.",
        ),
    ),
)
