-- Twelve questions about the life of cabinet tasks, and one for those who keep the table.
--
-- Each is a named query: claimx-run query --name task-history --param assignment_id=7001234
-- A block begins with its name; ":assignment_id" in it is a parameter, which is declared
-- by "-- param: NAME DEFAULT WHAT IT IS". Statuses are upper case, as ClaimX sends them.

-- name: newest-task-events
-- summary: What happened last to cabinet tasks?
-- param: most 20 rows at most
SELECT event_timestamp, event_type, assignment_id, project_id, task_status, task_name
FROM itel_cabinet_task_tracking
ORDER BY event_timestamp DESC, event_id
LIMIT :most;

-- name: task-history
-- summary: What happened to one assignment, and how many minutes lay between?
-- param: assignment_id 0 the assignment; 0 for the one with the newest event
WITH chosen AS (
  SELECT assignment_id
  FROM itel_cabinet_task_tracking
  WHERE :assignment_id IN (0, assignment_id)
  ORDER BY event_timestamp DESC, assignment_id
  LIMIT 1
)
SELECT t.assignment_id, t.event_timestamp, t.event_type, t.task_status,
       datediff(minute,
                lag(t.event_timestamp) OVER (ORDER BY t.event_timestamp, t.event_id),
                t.event_timestamp) AS minutes_since_previous
FROM itel_cabinet_task_tracking t
JOIN chosen c ON c.assignment_id = t.assignment_id
ORDER BY t.event_timestamp, t.event_id;

-- name: statuses-of-month
-- summary: How many events and assignments per status in a month?
-- param: year 0 the year; 0 for the newest
-- param: month 0 the month of it, 1 to 12; 0 for the newest
WITH newest AS (
  SELECT max(year * 100 + month) AS ym
  FROM itel_cabinet_task_tracking
  WHERE :year IN (0, year) AND :month IN (0, month)
)
SELECT t.year, t.month, t.task_status, count(*) AS events,
       count(DISTINCT t.assignment_id) AS assignments
FROM itel_cabinet_task_tracking t
JOIN newest n ON n.ym = t.year * 100 + t.month
GROUP BY t.year, t.month, t.task_status
ORDER BY events DESC, t.task_status;

-- name: slowest-tasks
-- summary: Which tasks took longest from assignment to completion?
-- param: most 50 rows at most
SELECT assignment_id, project_id, min(task_created_at) AS created_at,
       max(task_completed_at) AS completed_at,
       round(datediff(minute, min(task_created_at), max(task_completed_at)) / 60.0, 1) AS hours,
       round(datediff(minute, min(task_created_at), max(task_completed_at)) / 1440.0, 2) AS days
FROM itel_cabinet_task_tracking
WHERE task_status = 'COMPLETED' AND task_created_at IS NOT NULL AND task_completed_at IS NOT NULL
GROUP BY assignment_id, project_id
ORDER BY hours DESC, assignment_id
LIMIT :most;

-- name: tasks-per-day
-- summary: How many tasks were assigned and completed on each day?
SELECT year, month, day,
       sum(CASE WHEN event_type = 'CUSTOM_TASK_ASSIGNED' THEN 1 ELSE 0 END) AS assigned,
       sum(CASE WHEN event_type = 'CUSTOM_TASK_COMPLETED' THEN 1 ELSE 0 END) AS completed,
       count(DISTINCT assignment_id) AS assignments
FROM itel_cabinet_task_tracking
GROUP BY year, month, day
ORDER BY year DESC, month DESC, day DESC;

-- name: tasks-per-user
-- summary: How many of the tasks of each user are completed? Who fills in by link is not a user.
SELECT assigned_by_user_id, assigned_to_user_id, count(DISTINCT assignment_id) AS assigned,
       count(DISTINCT CASE WHEN task_status = 'COMPLETED' THEN assignment_id END) AS completed,
       round(100.0 * count(DISTINCT CASE WHEN task_status = 'COMPLETED' THEN assignment_id END)
             / count(DISTINCT assignment_id), 1) AS completed_percent
FROM itel_cabinet_task_tracking
WHERE assignment_id IS NOT NULL
GROUP BY assigned_by_user_id, assigned_to_user_id
ORDER BY assigned DESC, assigned_by_user_id, assigned_to_user_id;

-- name: open-tasks
-- summary: Which tasks are neither completed nor cancelled, and since when is nothing heard?
WITH latest AS (
  SELECT assignment_id, project_id, task_status, task_name, event_timestamp,
         row_number() OVER (PARTITION BY assignment_id
                            ORDER BY event_timestamp DESC, task_completed_at DESC NULLS LAST,
                                     event_id) AS position
  FROM itel_cabinet_task_tracking
)
SELECT assignment_id, project_id, task_status, task_name, event_timestamp AS last_event,
       datediff(day, event_timestamp, now()) AS days_since
FROM latest
WHERE position = 1 AND task_status NOT IN ('COMPLETED', 'CANCELLED', 'CANCELED')
ORDER BY event_timestamp, assignment_id;

-- name: tasks-per-project
-- summary: How many cabinet tasks has each project, and how long do they take?
-- param: most 50 rows at most
WITH tasks AS (
  SELECT project_id, assignment_id,
         max(CASE WHEN task_status = 'COMPLETED' THEN 1 ELSE 0 END) AS completed,
         max(CASE WHEN task_status IN ('CANCELLED', 'CANCELED') THEN 1 ELSE 0 END) AS cancelled,
         datediff(minute, min(task_created_at), max(task_completed_at)) / 60.0 AS hours
  FROM itel_cabinet_task_tracking
  GROUP BY project_id, assignment_id
)
SELECT project_id, count(*) AS tasks, sum(completed) AS completed,
       sum(CASE WHEN completed = 0 AND cancelled = 0 THEN 1 ELSE 0 END) AS active,
       round(avg(CASE WHEN completed = 1 THEN hours END), 1) AS hours_to_complete
FROM tasks
GROUP BY project_id
ORDER BY tasks DESC, project_id
LIMIT :most;

-- name: tracking-lag
-- summary: How many seconds after an event is its row written?
SELECT year, month, day, count(*) AS events,
       round(avg(datediff(second, event_timestamp, processed_timestamp)), 1) AS average_seconds,
       max(datediff(second, event_timestamp, processed_timestamp)) AS longest_seconds
FROM itel_cabinet_task_tracking
GROUP BY year, month, day
ORDER BY year DESC, month DESC, day DESC;

-- name: status-transitions
-- summary: Which event and status follow which, how often? The status is as ClaimX had it then.
-- param: most 20 rows at most
WITH steps AS (
  SELECT lag(event_type) OVER (PARTITION BY assignment_id
                               ORDER BY event_timestamp, event_id) AS from_event,
         lag(task_status) OVER (PARTITION BY assignment_id
                                ORDER BY event_timestamp, event_id) AS from_status,
         event_type AS to_event, task_status AS to_status
  FROM itel_cabinet_task_tracking
)
SELECT from_event, from_status, to_event, to_status, count(*) AS times
FROM steps
WHERE from_status IS NOT NULL
GROUP BY from_event, from_status, to_event, to_status
ORDER BY times DESC, from_event, from_status, to_event, to_status
LIMIT :most;

-- name: tracking-growth
-- summary: How many rows are there, and how many were there some days ago?
-- param: days 7 how many days ago
SELECT count(*) AS rows_now,
       sum(CASE WHEN datediff(second, processed_timestamp, now()) >= :days * 86400
                THEN 1 ELSE 0 END) AS rows_then,
       sum(CASE WHEN datediff(second, processed_timestamp, now()) < :days * 86400
                THEN 1 ELSE 0 END) AS rows_since,
       min(processed_timestamp) AS first_written, max(processed_timestamp) AS last_written
FROM itel_cabinet_task_tracking;

-- name: tracking-quality
-- summary: What do the rows lack?
SELECT count(*) AS events,
       sum(CASE WHEN assignment_id IS NULL THEN 1 ELSE 0 END) AS no_assignment,
       sum(CASE WHEN trim(project_id) = '' THEN 1 ELSE 0 END) AS blank_project,
       sum(CASE WHEN task_completed_at IS NOT NULL AND task_created_at IS NULL
                THEN 1 ELSE 0 END) AS completed_never_created,
       sum(CASE WHEN task_completed_at < task_created_at
                THEN 1 ELSE 0 END) AS completed_before_created,
       sum(CASE WHEN task_status = 'COMPLETED' AND task_completed_at IS NULL
                THEN 1 ELSE 0 END) AS completed_without_time,
       sum(CASE WHEN claimx_task_full IS NULL THEN 1 ELSE 0 END) AS not_looked_up
FROM itel_cabinet_task_tracking;

-- name: tracking-partitions
-- summary: Which partitions has the tracking table, and how full are they?
SELECT year, month, day, count(*) AS events
FROM itel_cabinet_task_tracking
GROUP BY year, month, day
ORDER BY year, month, day;

-- What else keeping the table takes is not a question and has commands of its own:
--   OPTIMIZE            claimx-run tables compact itel_cabinet_task_tracking
--   VACUUM              claimx-run tables vacuum itel_cabinet_task_tracking
--   DESCRIBE EXTENDED   claimx-run tables describe itel_cabinet_task_tracking
-- ANALYZE is not needed: the statistics that a query uses are written with each commit.
