"""Dashboards of workers and their lag."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.model import Dashboard, Panel, Query
from claimx_pipeline.monitoring.queries import RATE, W, quantiles

_LAG: Final = f"max by (worker, group, topic, partition) (claimx_consumer_lag_records{{{W}}})"

OVERVIEW: Final = Dashboard(
    uid="claimx-overview",
    title="ClaimX: overview",
    text="Whether it is well, what it waits for, and how fast it is, in one look.",
    panels=(
        Panel(
            title="Workers that are not ready",
            text="Workers through which nothing gets; must be empty. The state says why.",
            kind="table",
            queries=(Query(
                f'max by (worker, state) (claimx_worker_state{{{W},state!~"ready|degraded"}}) == 1'
            ),),
        ),
        Panel(
            title="What workers wait for",
            text="Each thing that a worker waits for or that degrades it; `/health/ready` has the "
            "sentence.",
            kind="table",
            queries=(Query(f"max by (worker, what) (claimx_worker_reason{{{W}}}) == 1"),),
        ),
        Panel(
            title="Records behind, all groups",
            text="Records that are not committed, over all groups; a line that grows is a worker "
            "that is too slow or waits.",
            kind="stat",
            queries=(Query(f"sum({_LAG}) or vector(0)"),),
        ),
        Panel(
            title="Records read",
            text="Records read a second, by worker. It follows what comes in.",
            unit="cps",
            queries=(Query(
                f"sum by (worker) (rate(claimx_records_received_total{{{W}}}{RATE}))", "{{worker}}"
            ),),
        ),
        Panel(
            title="Records published",
            text="Records published and acknowledged a second, by topic.",
            unit="cps",
            queries=(Query(
                f"sum by (topic) (rate(claimx_records_published_total{{{W}}}{RATE}))", "{{topic}}"
            ),),
        ),
        Panel(
            title="What becomes of records",
            text="Committed records a second by outcome; `retry` and `dead` should be near 0.",
            unit="cps",
            queries=(Query(
                f"sum by (outcome) (rate(claimx_records_committed_total{{{W}}}{RATE}))",
                "{{outcome}}",
            ),),
        ),
        Panel(
            title="Records behind, by worker",
            text="Lag in records by worker, the largest look of each partition.",
            queries=(Query(f"sum by (worker) ({_LAG})", "{{worker}}"),),
        ),
        Panel(
            title="Age of the oldest record",
            text="Age of the oldest record that a worker has not committed; retry topics wait on "
            "purpose.",
            unit="s",
            queries=(Query(
                f"max by (worker) (claimx_consumer_lag_seconds{{{W}}})", "{{worker}}"
            ),),
        ),
        Panel(
            title="Records that wait here",
            text="Records that are held in processes until a service is available or their time "
            "has "
            "come.",
            queries=(Query(f"sum by (worker) (claimx_records_waiting{{{W}}})", "{{worker}}"),),
        ),
        Panel(
            title="Time of a batch",
            text="From a batch's poll to its commit: median, p95 and p99 of all workers.",
            unit="s",
            queries=quantiles("claimx_batch_duration_seconds", W),
        ),
        Panel(
            title="Where the time of a batch goes",
            text="Seconds per second spent in each phase; the highest line is the bottleneck. "
            "`poll` "
            "alone means that there is nothing to do.",
            unit="s",
            queries=(Query(
                "sum by (worker, phase) "
                f"(rate(claimx_batch_phase_duration_seconds_sum{{{W}}}{RATE}))",
                "{{worker}} {{phase}}",
            ),),
        ),
        Panel(
            title="Failures by category",
            text="Records a second that are tried again or died, by category of the failure.",
            unit="cps",
            queries=(
                Query(
                    f"sum by (category) (rate(claimx_records_retried_total{{{W}}}{RATE}))",
                    "retry {{category}}",
                ),
                Query(
                    f"sum by (category) (rate(claimx_dead_letters_total{{{W}}}{RATE}))",
                    "dead {{category}}",
                ),
            ),
        ),
        Panel(
            title="Breakers",
            text="2 while nothing is sent to a service, 1 while it is tried again, 0 while it "
            "works.",
            queries=(Query(
                'max by (connection) (2 * claimx_connection_breaker_state{state="open"}) + on '
                '(connection) max by (connection) '
                '(claimx_connection_breaker_state{state="half_open"})',
                "{{connection}}",
            ),),
        ),
        Panel(
            title="Lateness of event loops",
            text="How late event loops come back (p99); above 1 s a process has too little CPU "
            "or is "
            "blocked.",
            unit="s",
            queries=(Query(
                "histogram_quantile(0.99, sum by (instance, le) "
                f"(rate(claimx_event_loop_lag_seconds_bucket{RATE})))",
                "{{instance}}",
            ),),
        ),
        Panel(
            title="CPU and memory",
            text="CPU seconds per second and resident memory of each process.",
            queries=(
                Query(
                    f"rate(process_cpu_seconds_total{RATE}) and on (instance) claimx_build_info",
                    "CPU {{instance}}",
                ),
                Query(
                    "process_resident_memory_bytes and on (instance) claimx_build_info",
                    "bytes {{instance}}",
                ),
            ),
        ),
        Panel(
            title="Versions",
            text="The version that each process runs; during a rollout there are two.",
            kind="table",
            queries=(Query("max by (instance, version, python) (claimx_build_info)"),),
        ),
    ),
)  # fmt: skip

LAG: Final = Dashboard(
    uid="claimx-lag",
    title="ClaimX: lag",
    text="How far consumer groups are behind, in which partitions, and why.",
    panels=(
        Panel(
            title="Why groups are behind",
            text="One line for each cause: no member, starting, waiting and for what, busy in "
            "which phase.",
            kind="table",
            queries=(Query(
                f"count by (worker, topic, cause, what) (claimx_consumer_lag_cause{{{W}}})"
            ),),
        ),
        Panel(
            title="Lag by partition",
            text="Records that are not committed; one partition alone that grows holds a record "
            "that "
            "waits.",
            queries=(Query(f"{_LAG} > 0", "{{group}} {{topic}}[{{partition}}]"),),
        ),
        Panel(
            title="Age by topic",
            text="Age of the oldest record that is not committed.",
            unit="s",
            queries=(Query(
                f"max by (group, topic) (claimx_consumer_lag_seconds{{{W}}})", "{{group}} {{topic}}"
            ),),
        ),
        Panel(
            title="Retention used",
            text="Age of the oldest uncommitted record as a share of what the topic keeps; at "
            "100 % "
            "records are lost.",
            unit="percentunit",
            queries=(Query(
                f"max by (group, topic) (claimx_consumer_retention_used_ratio{{{W}}})",
                "{{group}} {{topic}}",
            ),),
        ),
        Panel(
            title="Consumption by topic",
            text="Records committed a second, by topic and group.",
            unit="cps",
            queries=(Query(
                "sum by (group, topic) (max by (group, topic, partition) "
                f"(rate(claimx_consumer_offset{{{W}}}{RATE})))",
                "{{group}} {{topic}}",
            ),),
        ),
        Panel(
            title="Production by topic",
            text="Records that reach a topic a second, from all who write them.",
            unit="cps",
            queries=(Query(
                "sum by (topic) (max by (topic, partition) "
                f"(rate(claimx_topic_end_offset{{{W}}}{RATE})))",
                "{{topic}}",
            ),),
        ),
        Panel(
            title="Members",
            text="Members of each worker that take records, over all processes.",
            queries=(Query(f"sum by (worker) (claimx_worker_members{{{W}}})", "{{worker}}"),),
        ),
        Panel(
            title="Records in flight",
            text="Records that are worked on now.",
            queries=(Query(f"sum by (worker) (claimx_records_in_flight{{{W}}})", "{{worker}}"),),
        ),
        Panel(
            title="Records in topics",
            text="Records that topics hold now; retention keeps them for a while after they were "
            "read.",
            queries=(Query("max by (topic) (claimx_topic_records)", "{{topic}}"),),
        ),
    ),
)  # fmt: skip
