"""Alerts about workers and what becomes of their records."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.alerts_of_lag import OPERATOR
from claimx_pipeline.monitoring.model import Alert

_DEAD_LOOK: Final = (
    "`claimx-run dlq list` shows dead letters by cause, with an example of each.",
    "Dashboard *Retries and dead letters*: which worker, which category.",
)
_DEAD_REMEDY: Final = (
    "A mistake of ours or in the settings: correct it, then "
    "[replay them](../../replay-dead-letters.md).",
    "Records that can never work: `claimx-run dlq discard`.",
)
_FAILED: Final = 'claimx_records_committed_total{outcome=~"retry|dead"}'
_FILES_FAILED: Final = 'claimx_files_total{outcome!~"fetched|known|stored|in_progress|held"}'
_SLOW_WORKERS: Final = 'worker!~".*(download|upload|retry).*"'
_SLOW_LOOK: Final = (
    "Dashboard *Overview*, panel *Where the time of a batch goes*: the phase that takes longest.",
)
_SLOW_REMEDY: Final = (
    "`process`: the services that it asks, dashboard *Enrichment and API*.",
    "`write`: dashboard *Tables*; `publish` and `commit`: the broker.",
)


def _slow(name: str, seconds: int, wait: str, severity: str) -> Alert:
    return Alert(
        name=name,
        expr="histogram_quantile(0.95, sum by (worker, le) (rate("
        f"claimx_batch_duration_seconds_bucket{{{_SLOW_WORKERS}}}[5m]))) > {seconds}",
        wait=wait,
        severity="critical" if severity == "critical" else "warning",
        summary="batches of {{ $labels.worker }} take {{ $value | humanizeDuration }} (p95)",
        means=f"95 of 100 batches of a worker took up to more than {seconds} seconds from poll to "
        "commit. Workers of files and of retries are left out: they take long on purpose.",
        look=_SLOW_LOOK,
        remedy=_SLOW_REMEDY,
        call=OPERATOR,
    )


WORK_ALERTS: Final = (
    Alert(
        name="ClaimxProcessDown",
        expr='up{job=~".*claimx.*"} == 0',
        wait="2m",
        severity="critical",
        summary="{{ $labels.instance }} does not answer",
        means="Prometheus has got no answer from a process for 2 minutes: it has ended, or the "
        "network between them is broken.",
        look=("Whether the process runs, and its last log lines.",),
        remedy=("Start it; if it ends again, do what its last sentence says.",),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxWorkerNotReady",
        expr="max by (instance, worker, state) (claimx_worker_state{"
        'state=~"waiting|nothing_gets_through|failed|starting"}) == 1',
        wait="5m",
        severity="critical",
        summary="{{ $labels.worker }} is {{ $labels.state }}",
        means="A worker has let nothing through for 5 minutes: it waits for something, all its "
        "records fail, it could not start, or it has ended with an error.",
        look=(
            "`/health/ready/WORKER`: `reasons` has what it waits for, in a sentence.",
            "`claimx_worker_reason`: the same without the sentence.",
        ),
        remedy=(
            "Repair what it waits for. It goes on by itself; only `failed` needs a restart.",
            "`offsets` or `overtaken`: the sentence names the command that decides about it.",
        ),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxWorkerDegraded",
        expr='max by (instance, worker) (claimx_worker_state{state="degraded"}) == 1',
        wait="15m",
        severity="warning",
        summary="some records of {{ $labels.worker }} fail or wait",
        means="For 15 minutes a worker has got records through, and others failed or waited. "
        "`/health/ready` is 200 all the time, so rollouts and drains go on.",
        look=("`/health/ready/WORKER`: `reasons` counts what failed and names the last cause.",
              *_DEAD_LOOK),
        remedy=("As for [claimx-error-rate-high](claimx-error-rate-high.md).",),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxWorkerStuck",
        expr="claimx_worker_beat_age_seconds > 60",
        wait="1m",
        severity="critical",
        summary="the loop of {{ $labels.worker }} has stood still for "
        "{{ $value | humanizeDuration }}",
        means="A worker's loop, which goes round twice a second, has not been heard of for a "
        "minute: "
        "something blocks the process. `/health/live` is 503, and an orchestrator restarts it.",
        look=("Whether the process takes CPU, and its last log lines; "
              "`py-spy dump --pid PID` shows where it is.",),
        remedy=("Restart the process; what it had in flight comes again.",),
        call=f"{OPERATOR} If it happens again, the developers, with the output of py-spy.",
    ),
    Alert(
        name="ClaimxEventLoopSlow",
        expr="histogram_quantile(0.99, sum by (instance, le) ("
        "rate(claimx_event_loop_lag_seconds_bucket[5m]))) > 1",
        wait="5m",
        severity="warning",
        summary="the event loop of {{ $labels.instance }} is late by {{ $value | "
        "humanizeDuration }}",
        means="The event loop comes back more than a second late: the process has too little CPU, "
        "or a plugin's code blocks the loop.",
        look=("CPU of the process against its limit.", "`claimx_plugin_call_duration_seconds`."),
        remedy=("Give it more CPU, or run fewer workers in one process.",),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxDeadLettersRapid",
        expr='60 * sum by (worker) (rate(claimx_records_committed_total{outcome="dead"}[5m])) > 10',
        wait="5m",
        severity="critical",
        summary="{{ $labels.worker }} writes {{ $value | humanize }} dead letters a minute",
        means="A worker has declared more than 10 records a minute dead, for 5 minutes. They are "
        "kept in its topic of dead letters.",
        look=_DEAD_LOOK,
        remedy=_DEAD_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxDeadLettersGrowing",
        expr='60 * sum by (worker) (rate(claimx_records_committed_total{outcome="dead"}[10m])) > 5',
        wait="10m",
        severity="warning",
        summary="{{ $labels.worker }} writes {{ $value | humanize }} dead letters a minute",
        means="A worker has declared more than 5 records a minute dead, for 10 minutes.",
        look=_DEAD_LOOK,
        remedy=_DEAD_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxDeadLettersStored",
        expr="max by (topic) (claimx_dead_letters_stored) > 1000",
        wait="30m",
        severity="warning",
        summary="{{ $labels.topic }} holds {{ $value }} dead letters",
        means="A topic of dead letters holds more than 1,000 records, replayed ones included.",
        look=_DEAD_LOOK,
        remedy=_DEAD_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxErrorRateHigh",
        expr=f"sum by (worker) (rate({_FAILED}[5m])) / "
        "sum by (worker) (rate(claimx_records_committed_total[5m])) > 0.01",
        wait="5m",
        severity="critical",
        summary="{{ $value | humanizePercentage }} of the records of {{ $labels.worker }} fail",
        means="More than 1 % of a worker's records were retried or died, for 5 minutes.",
        look=("`claimx_records_retried_total` and `claimx_dead_letters_total` by `category`.",
              "The log: one line per batch and cause."),
        remedy=("`transient`, `throttled`: the service; it passes or has to be repaired.",
                "`auth`: the credential.",
                "`permanent`, `bug`: what `claimx-run dlq list` shows; "
                "correct it and [replay](../../replay-dead-letters.md)."),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxFileFailuresHigh",
        expr=f"sum by (worker) (rate({_FILES_FAILED}[5m])) / "
        "sum by (worker) (rate(claimx_files_total[5m])) > 0.05",
        wait="5m",
        severity="critical",
        summary="{{ $value | humanizePercentage }} of the files of {{ $labels.worker }} fail",
        means="More than 5 % of the files could not be fetched or stored, for 5 minutes.",
        look=("Dashboard *Media*: failures by category.", "`claimx-run dlq list`."),
        remedy=("`permanent`: mostly links that have ended or kinds of files that are not allowed.",
                "`transient`: the host of the files, or the store."),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxRetryOverdue",
        expr="max by (topic) (claimx_retry_tier_oldest_seconds - claimx_retry_tier_delay_seconds) "
        "> 300",
        wait="5m",
        severity="warning",
        summary="records of {{ $labels.topic }} are overdue by {{ $value | humanizeDuration }}",
        means="Records wait in a retry topic 5 minutes longer than they should: worker `retry` "
        "does "
        "not run, or is behind.",
        look=("`/health/ready/retry`, and whether it runs at all.",),
        remedy=("Start worker `retry`. Records that are overdue are brought back at once.",),
        call=OPERATOR,
    ),
    _slow("ClaimxBatchesSlow", 10, "5m", "critical"),
    _slow("ClaimxBatchesSlowing", 5, "10m", "warning"),
    Alert(
        name="ClaimxPluginFailing",
        expr='sum by (plugin) (rate(claimx_plugin_calls_total{outcome=~"failed|overran"}[5m])) / '
        "sum by (plugin) (rate(claimx_plugin_calls_total[5m])) > 0.01",
        wait="5m",
        severity="warning",
        summary="{{ $value | humanizePercentage }} of the calls of plugin {{ $labels.plugin }} "
        "fail",
        means="A plugin fails on more than 1 % of the events, for 5 minutes. The events go on "
        "without it, and each is a dead letter of the plugin.",
        look=("The log: `event … goes on without a plugin`, and `claimx-run dlq list`.",),
        remedy=("Correct the plugin and [replay](../../replay-dead-letters.md): only the plugin is "
                "called again.",),
        call="The authors of the plugin.",
    ),
    Alert(
        name="ClaimxPluginSuspended",
        expr="max by (plugin) (claimx_plugin_suspended) == 1",
        wait="1m",
        severity="warning",
        summary="plugin {{ $labels.plugin }} is not called",
        means="A plugin's calls took longer than their limit, three in a row, or one still "
        "hangs: it "
        "is not called for a while, and every event is a dead letter of the plugin.",
        look=("The log: `plugin … is suspended`.",),
        remedy=("Correct the plugin, or raise `plugins.NAME.timeout_seconds`; then "
                "[replay](../../replay-dead-letters.md).",),
        call="The authors of the plugin.",
    ),
)  # fmt: skip
