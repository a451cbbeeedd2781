"""Alerts about consumer groups that are behind, and about the broker."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.model import Alert

OPERATOR: Final = "The operator of the pipeline."
BROKER_TEAM: Final = "The team that runs the broker."

_LAG: Final = "sum by (group) (max by (group, topic, partition) (claimx_consumer_lag_records))"
_NOT_RETRY: Final = 'topic!~".*[.]retry[.].*"'
"""Records wait in retry topics on purpose."""
_LOOK: Final = (
    "Panel *Why groups are behind* of dashboard *Lag*, or "
    "`claimx_consumer_lag_cause`: `no_member`, `starting`, `waiting` and for what, or `busy` and "
    "in which phase.",
    "`claimx-run offsets show WORKER`, and `/health/ready` of the worker's processes.",
)
_REMEDY: Final = (
    "`waiting`: repair the service; the records wait and go on by themselves.",
    "`no_member`: start the worker.",
    "`busy`: start more processes of the worker, up to one per partition; if the phase is "
    "`write`, see [claimx-table-writes-slow](claimx-table-writes-slow.md).",
)

LAG_ALERTS: Final = (
    Alert(
        name="ClaimxLagHigh",
        expr=f"{_LAG} > 10000",
        wait="5m",
        severity="critical",
        summary="{{ $labels.group }} is {{ $value }} records behind",
        means="A consumer group is more than 10,000 records behind, for 5 minutes. What it writes "
        "is late; nothing is lost as long as the topics keep the records.",
        look=_LOOK,
        remedy=_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxLagGrowing",
        expr=f"{_LAG} > 5000",
        wait="10m",
        severity="warning",
        summary="{{ $labels.group }} is {{ $value }} records behind",
        means="A consumer group is more than 5,000 records behind, for 10 minutes.",
        look=_LOOK,
        remedy=_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxLagOld",
        expr=f"max by (group, topic) (claimx_consumer_lag_seconds{{{_NOT_RETRY}}}) > 900",
        wait="10m",
        severity="warning",
        summary="a record of {{ $labels.topic }} waits for {{ $labels.group }} since "
        "{{ $value | humanizeDuration }}",
        means="The oldest record that a group has not committed is older than 15 minutes, for 10 "
        "minutes. It may be a few records in one partition only: one that waits holds those behind "
        "it. Retry topics are left out: records wait there on purpose.",
        look=_LOOK,
        remedy=_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxRetentionNear",
        expr="max by (group, topic) (claimx_consumer_retention_used_ratio) > 0.8",
        wait="5m",
        severity="critical",
        summary="{{ $labels.topic }} soon deletes records that {{ $labels.group }} has not read",
        means="The oldest record that a group has not committed is older than 80 % of what its "
        "topic keeps. When it is deleted unread, the worker stops, or passes over the gap if "
        "`offsets.on_gap` is `continue`.",
        look=_LOOK,
        remedy=(
            "Raise the retention of the topic on the broker first: "
            "`kafka-configs --alter --topic TOPIC --add-config retention.ms=…`, and "
            "`broker.topics.TOPIC.retention_hours` in the settings.",
            *_REMEDY,
        ),
        call=f"{BROKER_TEAM} They can raise the retention at once.",
    ),
    Alert(
        name="ClaimxRecordsOvertaken",
        expr="sum by (worker) (increase(claimx_records_overtaken_total[1h])) > 0",
        wait="0m",
        severity="critical",
        summary="{{ $value | humanize }} records were deleted before {{ $labels.worker }} read "
        "them",
        means="Retention has deleted records before they were read, and the worker is set to go "
        "on (`offsets.on_gap: continue`). They are lost for this worker.",
        look=("The log of the worker: `retention deleted … before they were read` has topic and "
              "offsets.",),
        remedy=(
            "Fetch the events of that time again from their source: "
            "[bring events](../../bring-events.md).",
            "Raise the retention, or find out why the group was so far behind.",
        ),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxNoMember",
        expr='max by (group, topic) (claimx_consumer_lag_cause{cause="no_member"}) == 1',
        wait="3m",
        severity="critical",
        summary="no member of {{ $labels.group }} reads {{ $labels.topic }}",
        means="Records wait and the consumer group has no member, for 3 minutes: the worker runs "
        "nowhere, or has failed. Only a process that runs worker `retry` sees this of others.",
        look=(
            "Whether a process of the worker runs: `systemctl status`, `kubectl get pods`.",
            "Its last log lines: a worker that cannot go on says why in its last sentence.",
        ),
        remedy=("Start it; if it ends again, do what its last sentence says.",),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxWorkerStalled",
        expr=f"max by (worker, group) (claimx_consumer_lag_records{{{_NOT_RETRY}}}) > 0 unless on "
        "(worker, group) sum by (worker, group) (increase(claimx_consumer_offset[10m])) > 0",
        wait="10m",
        severity="critical",
        summary="{{ $labels.worker }} has committed nothing for 10 minutes, and records wait",
        means="Records wait and the group has committed none of them, for at least 10 minutes. A "
        "worker with nothing to do does not count.",
        look=_LOOK,
        remedy=(*_REMEDY, "If it is neither of them: `/health/live`; a process that is stuck has "
                "to be restarted, what it had in flight comes again."),
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxThroughputLow",
        expr="(sum by (worker) (rate(claimx_records_received_total[10m])) < 0.2 * "
        "sum by (worker) (rate(claimx_records_received_total[1d]))) and on (worker) "
        f"max by (worker) (claimx_consumer_lag_records{{{_NOT_RETRY}}}) > 0",
        wait="10m",
        severity="warning",
        summary="{{ $labels.worker }} reads less than a fifth of its usual rate, and records wait",
        means="For 10 minutes a worker has read less than a fifth of its average of the last day, "
        "although records wait for it.",
        look=_LOOK,
        remedy=_REMEDY,
        call=OPERATOR,
    ),
    Alert(
        name="ClaimxBrokerUnavailable",
        expr='max by (instance, worker) (claimx_worker_reason{what=~"broker|poll|assignment"}) '
        '== 1',
        wait="1m",
        severity="critical",
        summary="{{ $labels.worker }} cannot reach the broker",
        means="A worker has waited for the broker for a minute: it cannot read, publish, or "
        "commit. "
        "Nothing is lost; it goes on by itself.",
        look=(
            "`/health/ready`: the text names the broker's address and what it answered.",
            "Whether other workers are reported too: one alone is its network or its login.",
        ),
        remedy=("Repair broker, network, or login; nothing has to be restarted.",),
        call=BROKER_TEAM,
    ),
    Alert(
        name="ClaimxLagUnknown",
        expr="time() - claimx_lag_looked_timestamp_seconds > 300 and "
        "claimx_lag_looked_timestamp_seconds > 0",
        wait="1m",
        severity="warning",
        summary="{{ $labels.instance }} has not looked at its groups for "
        "{{ $value | humanizeDuration }}",
        means="How far the groups are behind was not found out for 5 minutes, so alerts about it "
        "are blind. The broker does not answer, or the process is stuck.",
        look=("`claimx_lag_look_failures_total`, and `/health/live` of the process.",),
        remedy=("As for [claimx-broker-unavailable](claimx-broker-unavailable.md).",),
        call=BROKER_TEAM,
    ),
)  # fmt: skip
