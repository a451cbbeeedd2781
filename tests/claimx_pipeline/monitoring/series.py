"""What Prometheus would have stored while a fault was there: for each alert, series that fire it.

A sample per minute. The fault is there from minute 10 to minute 59; ``Case.quiet`` says when the
alert must be silent, before and long after.
"""

from __future__ import annotations

from attrs import field, frozen

BEFORE, DURING, AFTER = 9, 49, 89


def gauge(name: str, usual: float, faulty: float) -> tuple[str, str]:
    """Return a gauge that is *faulty* during the fault."""
    return name, f"{usual:g}x{BEFORE} {faulty:g}x{DURING} {usual:g}x{AFTER}"


def absent(name: str) -> tuple[str, str]:
    """Return a gauge that is there during the fault alone, and 1 then."""
    return name, f"_x{BEFORE} 1x{DURING} stale _x{AFTER}"


def rising(name: str, per_minute: float) -> tuple[str, str]:
    """Return a counter that grows during the fault alone."""
    top = per_minute * DURING
    return name, f"0x{BEFORE} 0+{per_minute:g}x{DURING} {top:g}x{AFTER}"


def steady(name: str, per_minute: float) -> tuple[str, str]:
    """Return a counter that always grows."""
    return name, f"0+{per_minute:g}x{BEFORE + DURING + AFTER + 2}"


def slow(name: str, labels: str, below: str, above: str) -> tuple[tuple[str, str], ...]:
    """Return a histogram whose values are between two bounds during the fault."""
    return (
        (f'{name}_bucket{{{labels},le="{below}"}}', f"0x{BEFORE + DURING + AFTER + 2}"),
        rising(f'{name}_bucket{{{labels},le="{above}"}}', 60),
        rising(f'{name}_bucket{{{labels},le="+Inf"}}', 60),
    )


@frozen
class Case:
    """One alert, and series of a fault that it is about."""

    series: tuple[tuple[str, str], ...]
    fires: str = "58m"
    quiet: tuple[str, ...] = ("5m", "147m")
    interval: str = "1m"
    silent: tuple[tuple[str, str], ...] = field(default=())
    """The same fault where it is none: must not fire."""


PARTITION = 'worker="w",group="g",topic="t",partition="0"'
RETRY_PARTITION = 'worker="retry",group="r",topic="a.retry.5m",partition="0"'
LAG = f"claimx_consumer_lag_records{{{PARTITION}}}"
OFFSET = f"claimx_consumer_offset{{{PARTITION}}}"
STATE = 'claimx_worker_state{instance="i",worker="w",state="%s"}'
COMMITTED = 'claimx_records_committed_total{worker="w",outcome="%s"}'
REQUESTS = 'claimx_requests_total{connection="%s",method="GET",endpoint="/e",status_class="%s"}'
COMMITS = 'claimx_table_commits_total{worker="w",table="t",outcome="%s"}'
CALLS = 'claimx_plugin_calls_total{plugin="%s",hook="h",outcome="%s"}'
ITEL_LAG = 'claimx_consumer_lag_records{worker="itel-api",group="g",topic="t",partition="0"}'
BREAKER = 'claimx_connection_breaker_state{connection="%s",state="%s"}'

CASES = {
    "ClaimxLagHigh": Case((gauge(LAG, 0, 20_000),)),
    "ClaimxLagGrowing": Case((gauge(LAG, 0, 6_000),)),
    "ClaimxLagOld": Case(
        (gauge(f"claimx_consumer_lag_seconds{{{PARTITION}}}", 0, 1000),),
        silent=(gauge(f"claimx_consumer_lag_seconds{{{RETRY_PARTITION}}}", 0, 1000),),
    ),
    "ClaimxRetentionNear": Case(
        (gauge(f"claimx_consumer_retention_used_ratio{{{PARTITION}}}", 0, 0.9),)
    ),
    "ClaimxRecordsOvertaken": Case((rising('claimx_records_overtaken_total{worker="w"}', 1),)),
    "ClaimxNoMember": Case(
        (absent(f'claimx_consumer_lag_cause{{{PARTITION},cause="no_member",what=""}}'),),
        silent=(absent(f'claimx_consumer_lag_cause{{{PARTITION},cause="busy",what="write"}}'),),
    ),
    "ClaimxWorkerStalled": Case(
        (gauge(LAG, 0, 5), (OFFSET, "7x150")),
        silent=(gauge(LAG, 0, 5), steady(OFFSET, 5)),
    ),
    "ClaimxThroughputLow": Case(
        (
            ('claimx_records_received_total{worker="w"}', "0+3000x300 900000+3x30 903000+3000x50"),
            (LAG, "0x300 5x30 0x50"),
        ),
        fires="1630m",
        quiet=("1000m", "1890m"),
        interval="5m",
        silent=(('claimx_records_received_total{worker="w"}', "0+3000x300 900000+3x80"),),
    ),
    "ClaimxBrokerUnavailable": Case(
        (absent('claimx_worker_reason{instance="i",worker="w",what="broker"}'),),
        silent=(absent('claimx_worker_reason{instance="i",worker="w",what="connection c"}'),),
    ),
    "ClaimxLagUnknown": Case(
        (('claimx_lag_looked_timestamp_seconds{instance="i"}', "60+60x9 600x49 3600+60x89"),),
        silent=(('claimx_lag_looked_timestamp_seconds{instance="i"}', "0x150"),),
    ),
    "ClaimxProcessDown": Case((gauge('up{job="claimx",instance="i"}', 1, 0),)),
    "ClaimxWorkerNotReady": Case(
        (gauge(STATE % "waiting", 0, 1),), silent=(gauge(STATE % "degraded", 0, 1),)
    ),
    "ClaimxWorkerDegraded": Case((gauge(STATE % "degraded", 0, 1),)),
    "ClaimxWorkerStuck": Case(
        (gauge('claimx_worker_beat_age_seconds{instance="i",worker="w"}', 0, 100),)
    ),
    "ClaimxEventLoopSlow": Case(slow("claimx_event_loop_lag_seconds", 'instance="i"', "1", "2.5")),
    "ClaimxDeadLettersRapid": Case((rising(COMMITTED % "dead", 20),)),
    "ClaimxDeadLettersGrowing": Case((rising(COMMITTED % "dead", 6),)),
    "ClaimxDeadLettersStored": Case((gauge('claimx_dead_letters_stored{topic="t"}', 0, 2000),)),
    "ClaimxErrorRateHigh": Case(
        (rising(COMMITTED % "retry", 10), steady(COMMITTED % "done", 100)),
        silent=(rising(COMMITTED % "skipped", 10), steady(COMMITTED % "done", 100)),
    ),
    "ClaimxFileFailuresHigh": Case(
        (
            rising('claimx_files_total{worker="download",outcome="transient"}', 10),
            steady('claimx_files_total{worker="download",outcome="fetched"}', 100),
        ),
        silent=(
            rising('claimx_files_total{worker="download",outcome="in_progress"}', 10),
            steady('claimx_files_total{worker="download",outcome="fetched"}', 100),
        ),
    ),
    "ClaimxRetryOverdue": Case(
        (
            gauge('claimx_retry_tier_oldest_seconds{family="f",topic="t"}', 0, 1000),
            ('claimx_retry_tier_delay_seconds{family="f",topic="t"}', "300x150"),
        ),
        silent=(
            gauge('claimx_retry_tier_oldest_seconds{family="f",topic="t"}', 0, 1000),
            ('claimx_retry_tier_delay_seconds{family="f",topic="t"}', "2400x150"),
        ),
    ),
    "ClaimxBatchesSlow": Case(
        slow("claimx_batch_duration_seconds", 'worker="events"', "10", "30"),
        silent=slow("claimx_batch_duration_seconds", 'worker="download"', "10", "30"),
    ),
    "ClaimxBatchesSlowing": Case(
        slow("claimx_batch_duration_seconds", 'worker="events"', "5", "10")
    ),
    "ClaimxPluginFailing": Case(
        (rising(CALLS % ("p", "failed"), 10), steady(CALLS % ("p", "ok"), 100))
    ),
    "ClaimxPluginSuspended": Case((gauge('claimx_plugin_suspended{plugin="p"}', 0, 1),)),
    "ClaimxBreakerOpen": Case((gauge(BREAKER % ("c", "open"), 0, 1),)),
    "ClaimxBreakerHalfOpen": Case((gauge(BREAKER % ("c", "half_open"), 0, 1),)),
    "ClaimxServiceFailing": Case((rising(REQUESTS % ("c", "5xx"), 600),)),
    "ClaimxServiceRefuses": Case(
        (rising(REQUESTS % ("c", "4xx"), 50), steady(REQUESTS % ("c", "2xx"), 100))
    ),
    "ClaimxTokenRenewalFailing": Case(
        (rising('claimx_token_renewals_total{connection="c",outcome="failed"}', 1),),
        silent=(
            rising('claimx_token_renewals_total{connection="c",outcome="failed"}', 1),
            steady('claimx_token_renewals_total{connection="c",outcome="renewed"}', 1),
        ),
    ),
    "ClaimxAnswersChanged": Case(
        (('claimx_answer_drift_total{endpoint="/e",kind="unknown",field="new"}', "_x9 1x1600"),),
        quiet=("5m", "1500m"),
    ),
    "ClaimxTableWritesFailing": Case((rising(COMMITS % "failed", 1),)),
    "ClaimxTableWriteSuccessLow": Case(
        (rising(COMMITS % "failed", 10), steady(COMMITS % "committed", 100))
    ),
    "ClaimxTableWritesSlow": Case(
        slow("claimx_table_write_duration_seconds", 'worker="w",table="t"', "30", "60")
    ),
    "ClaimxTableConflictsHigh": Case(
        (
            rising('claimx_table_conflicts_total{worker="w",table="t"}', 10),
            steady(COMMITS % "committed", 5),
        )
    ),
    "ItelPublishErrors": Case((rising(CALLS % ("itel_cabinet_trigger", "failed"), 5),)),
    "ItelLagHigh": Case((gauge(ITEL_LAG, 0, 2000),)),
    "ItelClaimxErrors": Case((rising(REQUESTS % ("claimx_api", "5xx"), 10),)),
    "ItelTableErrors": Case(
        (
            rising(
                'claimx_table_commits_total{worker="itel-tracking",table="t",outcome="failed"}', 3
            ),
        )
    ),
    "ItelApiFailures": Case(
        (rising(REQUESTS % ("itel_cabinet_api", "4xx"), 5),),
        silent=(rising(REQUESTS % ("itel_cabinet_api", "2xx"), 5),),
    ),
    "ItelNothingConsumed": Case(
        (('claimx_records_received_total{worker="itel-api"}', "7x150"), gauge(ITEL_LAG, 0, 5)),
        silent=(('claimx_records_received_total{worker="itel-api"}', "7x150"), (ITEL_LAG, "0x150")),
    ),
    "ItelFormChanged": Case(
        (
            rising(
                "claimx_plugin_metric_form_misfits_total"
                '{plugin="itel_cabinet_form",reason="unknown"}',
                1,
            ),
        )
    ),
    "ItelBreakerOpen": Case((gauge(BREAKER % ("itel_cabinet_api", "open"), 0, 1),)),
}
