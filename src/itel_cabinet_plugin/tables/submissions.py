"""``itel_cabinet_submissions``: every request to the iTel Cabinet API and its answer."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import DOUBLE, INT, LONG, STRING, TIMESTAMP, Column, TableSpec

SUBMISSIONS: Final = TableSpec(
    name="itel_cabinet_submissions",
    summary="One row per request to iTel: what was sent, when, and what they said.",
    mode="merge",
    key=("idempotency_key", "attempt_id"),
    columns=(
        Column(
            "idempotency_key", STRING, nullable=False, doc="Names the form; the same at each try."
        ),
        Column("attempt_id", STRING, nullable=False, doc="Names the request (X-Attempt-Id)."),
        Column("assignment_id", LONG, doc="The task somebody was given."),
        Column("form_response_id", STRING, doc="What was filled in."),
        Column("project_id", STRING, doc="ClaimX project."),
        Column("event_id", STRING, doc="The event that set the submission off."),
        Column("outcome", STRING, doc="accepted, refused, failed or unanswered."),
        Column("status_code", INT, doc="HTTP status; null if no answer came."),
        Column("itel_task_id", STRING, doc="What iTel calls the submission."),
        Column("response", STRING, doc="The answer's body, cut after 2,000 characters."),
        Column("error", STRING, doc="What went wrong; null if nothing did."),
        Column("payload_hash", STRING, doc="SHA-256 of what was sent, keys sorted."),
        Column("latency_ms", DOUBLE, bookkeeping=True, doc="From sending to the answer."),
        Column("sent_at", TIMESTAMP, bookkeeping=True, doc="When it was sent."),
        Column("ended_at", TIMESTAMP, bookkeeping=True, doc="When it was answered, or given up."),
        Column("created_at", TIMESTAMP, bookkeeping=True, doc="When this row was made."),
    ),
)
