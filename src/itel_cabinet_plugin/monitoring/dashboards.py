"""The three dashboards of the predecessor's documents."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from claimx_pipeline.hooks import Dashboard, Panel, Query

RATE: Final = "[$__rate_interval]"
_TRIGGER: Final = 'plugin="itel_cabinet_trigger"'
_FAILED: Final = 'status_class=~"4xx|5xx|timeout|unreached"'


def dashboards(topic: str, connections: Sequence[str]) -> list[Dashboard]:
    """Return the dashboards.

    Args:
        topic: The plugin's topic, as the broker calls it.
        connections: Those that forms are sent to.
    """
    return [_overview(topic), _tracking(), _api("|".join(connections))]


def _overview(topic: str) -> Dashboard:
    return Dashboard(
        uid="itel-plugin",
        title="iTel: plugin overview",
        text="From the event of a cabinet task to the plugin's topic, and both workers behind it.",
        panels=[
            Panel(
                title="Events triggered",
                text="Events of cabinet tasks that met the trigger, a second.",
                unit="cps",
                queries=[_sum(f'claimx_plugin_actions_total{{{_TRIGGER},action="publish"}}')],
            ),
            Panel(
                title="Events published",
                text="Messages to the plugin's topic that the broker acknowledged; the same as "
                "triggered, a moment later.",
                unit="cps",
                queries=[_sum(f'claimx_records_published_total{{topic="{topic}"}}')],
            ),
            Panel(
                title="Events that the trigger failed on",
                text="Must be 0; each is a dead letter of the plugin.",
                unit="cps",
                queries=[_sum(f'claimx_plugin_calls_total{{{_TRIGGER},outcome!="ok"}}')],
            ),
            Panel(
                title="Records behind",
                text="Records that each cabinet worker has not committed.",
                queries=[_lag("itel-.*")],
            ),
            Panel(
                title="Records done",
                text="Records a second by worker and outcome.",
                unit="cps",
                queries=[_by("outcome", 'claimx_records_committed_total{worker=~"itel-.*"}')],
            ),
            Panel(
                title="Answers of forms that do not fit",
                text="Answers of the last hour that are unknown or cannot be read; the form was "
                "edited.",
                queries=[Query(
                    "sum by (reason) (increase(claimx_plugin_metric_form_misfits_total[1h]))",
                    "{{reason}}",
                )],
            ),
        ],
    )  # fmt: skip


def _tracking() -> Dashboard:
    worker = 'worker="itel-tracking"'
    return Dashboard(
        uid="itel-tracking",
        title="iTel: tracking worker",
        text="The worker that keeps the life of each cabinet task in tables.",
        panels=[
            Panel(
                title="Messages",
                text="Messages read, and done by outcome, a second.",
                unit="cps",
                queries=[
                    _sum(f"claimx_records_received_total{{{worker}}}", "read"),
                    _by("outcome", f"claimx_records_committed_total{{{worker}}}"),
                ],
            ),
            Panel(title="Records behind", text="Records that are not committed.",
                  queries=[_lag("itel-tracking")]),
            Panel(
                title="Processing latency",
                text="From the poll of a batch to its commit.",
                unit="s",
                queries=_quantiles("claimx_batch_duration_seconds", worker),
            ),
            Panel(
                title="ClaimX requests",
                text="Requests of the cabinet workers to ClaimX, a second, by class of status.",
                unit="reqps",
                queries=[_by("status_class", 'claimx_requests_total{connection="claimx_api"}')],
            ),
            Panel(
                title="ClaimX latency",
                text="How long ClaimX takes to answer them.",
                unit="s",
                queries=_quantiles("claimx_request_duration_seconds", 'connection="claimx_api"'),
            ),
            Panel(
                title="Table writes",
                text="Writes a second by table and outcome; `failed` must be 0.",
                unit="cps",
                queries=[_by("table, outcome", f"claimx_table_commits_total{{{worker}}}")],
            ),
            Panel(
                title="Rows",
                text="Rows a second by table and result.",
                unit="cps",
                queries=[_by("table, result", f"claimx_table_rows_total{{{worker}}}")],
            ),
        ],
    )  # fmt: skip


def _api(itel: str) -> Dashboard:
    worker, connection = 'worker="itel-api"', f'connection=~"{itel}"'
    return Dashboard(
        uid="itel-api",
        title="iTel: API worker",
        text="The worker that submits completed forms to iTel.",
        panels=[
            Panel(
                title="Messages",
                text="Messages read, and done by outcome, a second; `skipped` are tasks that are "
                "not "
                "completed.",
                unit="cps",
                queries=[
                    _sum(f"claimx_records_received_total{{{worker}}}", "read"),
                    _by("outcome", f"claimx_records_committed_total{{{worker}}}"),
                ],
            ),
            Panel(title="Records behind", text="Records that are not committed.",
                  queries=[_lag("itel-api")]),
            Panel(
                title="iTel requests",
                text="Requests to iTel a second, by class of status.",
                unit="reqps",
                queries=[_by("status_class", f"claimx_requests_total{{{connection}}}")],
            ),
            Panel(
                title="iTel failures",
                text="Requests of the last 5 minutes that failed; above 10 there is an alert.",
                queries=[Query(
                    f"sum(increase(claimx_requests_total{{{connection},{_FAILED}}}[5m]))",
                    "failed",
                )],
            ),
            Panel(
                title="iTel latency",
                text="How long iTel takes to answer.",
                unit="s",
                queries=_quantiles("claimx_request_duration_seconds", connection),
            ),
            Panel(
                title="Breaker",
                text="1 while nothing is sent to iTel.",
                queries=[Query(
                    "max by (connection) (claimx_connection_breaker_state{"
                    f'{connection},state="open"}})',
                    "{{connection}}",
                )],
            ),
            Panel(
                title="Forms not sent",
                text="Forms of the last hour that iTel had already, or that are not for iTel.",
                queries=[
                    Query(
                        f"sum(increase(claimx_plugin_metric_forms_{name}_total[1h]))",
                        name.replace("_", " "),
                    )
                    for name in ("already_accepted", "not_routed")
                ],
            ),
        ],
    )  # fmt: skip


def _sum(metric: str, legend: str = "") -> Query:
    return Query(f"sum(rate({metric}{RATE}))", legend)


def _by(labels: str, metric: str) -> Query:
    legend = " ".join(f"{{{{{label}}}}}" for label in ("worker", *labels.split(", ")))
    return Query(f"sum by (worker, {labels}) (rate({metric}{RATE}))", legend)


def _lag(worker: str) -> Query:
    lag = f'claimx_consumer_lag_records{{worker=~"{worker}"}}'
    return Query(
        f"sum by (worker) (max by (worker, group, topic, partition) ({lag}))", "{{worker}}"
    )


def _quantiles(metric: str, where: str) -> list[Query]:
    return [
        Query(
            f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{{{where}}}{RATE})))",
            f"p{share * 100:g}",
        )
        for share in (0.5, 0.95, 0.99)
    ]
