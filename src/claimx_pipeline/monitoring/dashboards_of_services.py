"""The dashboard of the services that workers ask."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.model import Dashboard, Panel, Query
from claimx_pipeline.monitoring.queries import RATE, quantiles

ENRICHMENT: Final = Dashboard(
    uid="claimx-enrichment",
    title="ClaimX: enrichment and API",
    text="What is asked of ClaimX and of every other service, and what comes back.",
    panels=(
        Panel(
            title="Events enriched",
            text="Events a second that enrichment is done with, by outcome.",
            unit="cps",
            queries=(Query(
                "sum by (outcome) (rate("
                f'claimx_records_committed_total{{worker=~".*enrichment"}}{RATE}))',
                "{{outcome}}",
            ),),
        ),
        Panel(
            title="Requests by endpoint",
            text="Requests a second by connection and declared path.",
            unit="reqps",
            queries=(Query(
                f"sum by (connection, endpoint) (rate(claimx_requests_total{RATE}))",
                "{{connection}} {{endpoint}}",
            ),),
        ),
        Panel(
            title="Answers by class",
            text="Requests a second by class of status; everything but `2xx` is worth a look.",
            unit="reqps",
            queries=(Query(
                f"sum by (connection, status_class) (rate(claimx_requests_total{RATE}))",
                "{{connection}} {{status_class}}",
            ),),
        ),
        Panel(
            title="Share of failures",
            text="Share of the requests that were answered with 5xx or not at all.",
            unit="percentunit",
            queries=(Query(
                "sum by (connection) (rate(claimx_requests_total{"
                f'status_class=~"5xx|timeout|unreached"}}{RATE})) / '
                f"sum by (connection) (rate(claimx_requests_total{RATE}))",
                "{{connection}}",
            ),),
        ),
        Panel(
            title="Latency by endpoint",
            text="How long answers take, p95 by endpoint.",
            unit="s",
            queries=(Query(
                "histogram_quantile(0.95, sum by (connection, endpoint, le) "
                f"(rate(claimx_request_duration_seconds_bucket{RATE})))",
                "{{connection}} {{endpoint}}",
            ),),
        ),
        Panel(
            title="Latency",
            text="Median, p95 and p99 of all requests of each connection.",
            unit="s",
            queries=quantiles("claimx_request_duration_seconds", by="connection"),
        ),
        Panel(
            title="Requests under way",
            text="Requests under way as a share of `max_concurrent`; at 100 % requests queue.",
            unit="percentunit",
            queries=(Query(
                "sum by (connection) (claimx_connection_requests_in_use) / "
                "sum by (connection) (claimx_connection_requests_limit)",
                "{{connection}}",
            ),),
        ),
        Panel(
            title="Refused by breakers",
            text="Requests a second that were not sent, as a breaker is open.",
            unit="reqps",
            queries=(Query(
                f"sum by (connection) (rate(claimx_requests_refused_total{RATE}))", "{{connection}}"
            ),),
        ),
        Panel(
            title="Cache hits",
            text="Share of the answers that needed no request of their own.",
            unit="percentunit",
            queries=(Query(
                "sum by (cache) (rate(claimx_cache_requests_total{"
                f'outcome!="miss"}}{RATE})) / sum by (cache) '
                f"(rate(claimx_cache_requests_total{RATE}))",
                "{{cache}}",
            ),),
        ),
        Panel(
            title="Renewals of credentials",
            text="Access tokens and credentials in files, renewed or not, in the last hour.",
            queries=(Query(
                "sum by (connection, outcome) (increase(claimx_token_renewals_total[1h]))",
                "{{connection}} {{outcome}}",
            ),),
        ),
        Panel(
            title="Fields that are new or different",
            text="Fields of ClaimX's answers that are unknown, or whose values cannot be read; "
            "should be empty.",
            kind="table",
            queries=(Query(
                "sum by (endpoint, kind, field) (increase(claimx_answer_drift_total[1d]))"
            ),),
        ),
        Panel(
            title="Plugins",
            text="Calls of plugins a second by outcome; everything but `ok` costs a dead letter of "
            "the plugin.",
            unit="cps",
            queries=(Query(
                f"sum by (plugin, outcome) (rate(claimx_plugin_calls_total{RATE}))",
                "{{plugin}} {{outcome}}",
            ),),
        ),
        Panel(
            title="Time of plugins",
            text="How long plugins take, p95; an event waits for each of them.",
            unit="s",
            queries=(Query(
                "histogram_quantile(0.95, sum by (plugin, le) "
                f"(rate(claimx_plugin_call_duration_seconds_bucket{RATE})))",
                "{{plugin}}",
            ),),
        ),
    ),
)  # fmt: skip
