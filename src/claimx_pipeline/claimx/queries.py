"""Questions that a newcomer asks first; ``claimx-run query --list`` shows them."""

from __future__ import annotations

from claimx_pipeline.delta.querying.queries import NamedQuery

QUERIES: tuple[NamedQuery, ...] = (
    NamedQuery(
        "events-by-outcome",
        "What became of the events, by type?",
        """\
SELECT event_type, outcome, count(*) AS events, sum(api_calls) AS api_calls
FROM claimx_event_log
GROUP BY event_type, outcome
ORDER BY events DESC, event_type""",
    ),
    NamedQuery(
        "unaccounted-events",
        "Which events came and have no outcome yet?",
        """\
SELECT e.event_id, e.event_type, e.project_id, e.ingested_at, e.created_at
FROM claimx_events e
LEFT JOIN claimx_event_log l ON l.event_id = e.event_id
WHERE l.event_id IS NULL
ORDER BY e.created_at
LIMIT 1000""",
    ),
    NamedQuery(
        "photos-by-project",
        "Which projects have the most photos?",
        """\
SELECT p.project_number, p.city, p.type_of_loss, count(*) AS photos
FROM claimx_projects p
JOIN claimx_attachment_metadata m ON m.project_id = p.project_id
GROUP BY p.project_number, p.city, p.type_of_loss
ORDER BY photos DESC, p.project_number
LIMIT 5""",
    ),
    NamedQuery(
        "task-turnaround",
        "How long do tasks take from assignment to completion?",
        """\
SELECT task_name, count(*) AS completed,
       min(datediff(minute, date_assigned, date_completed)) AS fastest_minutes,
       max(datediff(minute, date_assigned, date_completed)) AS slowest_minutes
FROM claimx_tasks
WHERE status = 'COMPLETED'
GROUP BY task_name
ORDER BY completed DESC, task_name""",
    ),
)
