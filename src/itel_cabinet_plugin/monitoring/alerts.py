"""The alerts of the predecessor's documents, with their thresholds, and two of our own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from claimx_pipeline.hooks import Alert

_OPERATOR: Final = "The operator of the pipeline."
_FAILED: Final = "4xx|5xx|timeout|unreached"
_ITEL: Final = 'worker=~"itel-tracking|itel-api"'


def alerts(connections: Sequence[str]) -> list[Alert]:
    """Return the alerts; *connections* are those that forms are sent to."""
    return [*_of_the_original("|".join(connections)), *_of_forms("|".join(connections))]


def _of_the_original(itel: str) -> Iterator[Alert]:
    yield Alert(
        name="ItelPublishErrors",
        expr="sum(increase(claimx_plugin_calls_total{"
        'plugin="itel_cabinet_trigger",outcome!="ok"}[5m])) > 10',
        wait="0m",
        severity="warning",
        summary="{{ $value | humanize }} events of cabinet tasks could not be published",
        means="The trigger failed on more than 10 events of cabinet tasks in 5 minutes. Each is a "
        "dead letter of the plugin; the events themselves go on.",
        look=["`claimx-run dlq list` shows what the trigger failed with.",
              "Dashboard *iTel: plugin overview*."],
        remedy=["Correct it, then `claimx-run dlq replay`: the trigger alone is called again."],
        call=_OPERATOR,
    )  # fmt: skip
    yield Alert(
        name="ItelLagHigh",
        expr="sum by (group) (max by (group, topic, partition) "
        f"(claimx_consumer_lag_records{{{_ITEL}}})) > 1000",
        wait="5m",
        severity="warning",
        summary="{{ $labels.group }} is {{ $value }} records behind",
        means="A cabinet worker is more than 1,000 records behind, for 5 minutes.",
        look=["`claimx_consumer_lag_cause`: what it waits for, or which phase is slow."],
        remedy=["Repair the service that it waits for, or start more processes of it, up to 3."],
        call=_OPERATOR,
    )
    yield Alert(
        name="ItelClaimxErrors",
        expr='sum(increase(claimx_requests_total{connection="claimx_api",'
        f'status_class=~"{_FAILED}"}}[5m])) > 20',
        wait="0m",
        severity="critical",
        summary="{{ $value | humanize }} requests of the cabinet workers to ClaimX failed",
        means="More than 20 requests of the cabinet workers to ClaimX failed in 5 minutes. Status "
        "rows are written all the same; forms wait until ClaimX answers.",
        look=["Dashboard *Enrichment and API*, connection `claimx_api`: which class of status."],
        remedy=["`4xx` with 401: the credential. `5xx`, `timeout`: ClaimX; it passes by itself."],
        call="ClaimX.",
    )
    yield Alert(
        name="ItelTableErrors",
        expr="sum(increase(claimx_table_commits_total{"
        'worker="itel-tracking",outcome="failed"}[5m])) > 5',
        wait="0m",
        severity="critical",
        summary="{{ $value | humanize }} writes of cabinet tables failed",
        means="More than 5 writes of the tracking worker to its tables failed in 5 minutes. The "
        "rows are held and written again.",
        look=["`/health/ready/itel-tracking`, dashboard *Tables*."],
        remedy=["Repair storage, network, or credential."],
        call="The team that runs the storage of the tables.",
    )
    yield Alert(
        name="ItelApiFailures",
        expr=f'sum(increase(claimx_requests_total{{connection=~"{itel}",'
        f'status_class=~"{_FAILED}"}}[5m])) > 10',
        wait="0m",
        severity="critical",
        summary="{{ $value | humanize }} requests to iTel failed",
        means="More than 10 requests to the iTel API failed in 5 minutes. Forms wait or are tried "
        "again; a form that was not answered goes out again in the same words.",
        look=["Dashboard *iTel: API worker*.",
              "Table `itel_cabinet_submissions`: `status_code` and `error` of each request."],
        remedy=["401: `ITEL_CABINET_API_TOKEN`. 400: what the dead letter quotes. "
                "`5xx`, `timeout`: iTel."],
        call="iTel.",
    )  # fmt: skip
    yield Alert(
        name="ItelNothingConsumed",
        expr=f"sum by (worker) (increase(claimx_records_received_total{{{_ITEL}}}[10m])) == 0 "
        f"and on (worker) max by (worker) (claimx_consumer_lag_records{{{_ITEL}}}) > 0",
        wait="1m",
        severity="critical",
        summary="{{ $labels.worker }} has read nothing for 10 minutes, and records wait",
        means="A cabinet worker has read nothing for 10 minutes although records wait for it. A "
        "quiet night does not count.",
        look=["`/health/ready/WORKER` and `claimx_consumer_lag_cause`."],
        remedy=["What it waits for; a process that is stuck has to be restarted."],
        call=_OPERATOR,
    )


def _of_forms(itel: str) -> Iterator[Alert]:
    yield Alert(
        name="ItelFormChanged",
        expr="sum by (reason) (increase(claimx_plugin_metric_form_misfits_total{"
        'reason=~"unknown|bad_value|malformed"}[1h])) > 0',
        wait="0m",
        severity="warning",
        summary="{{ $value | humanize }} answers of cabinet forms do not fit: {{ $labels.reason }}",
        means="Cabinet forms of the last hour have questions that are not known, or answers that "
        "cannot be read. Such an answer is null in its column and in what is sent to iTel; the "
        "whole form is in `raw_data`.",
        look=["The log: `cabinet form, group …, question …`, once for each question.",
              "`claimx-run itel check-form FILE` with an answer of ClaimX."],
        remedy=["The form was edited in ClaimX: have the question restored, or tell the developers "
                "its new wording."],
        call="The owner of the form in ClaimX.",
    )  # fmt: skip
    yield Alert(
        name="ItelBreakerOpen",
        expr="max by (connection) (claimx_connection_breaker_state{"
        f'connection=~"{itel}",state="open"}}) == 1',
        wait="10m",
        severity="critical",
        summary="no form has been sent to iTel for 10 minutes",
        means="Nothing has been sent to iTel for 10 minutes, since its API failed several times "
        "in a "
        "row. Forms wait.",
        look=["The log: `breaker of connection … is open` has the last failure."],
        remedy=["As for ItelApiFailures."],
        call="iTel.",
    )
