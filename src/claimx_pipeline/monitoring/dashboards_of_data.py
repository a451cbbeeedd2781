"""Dashboards of files, retries, tables, and the embedded broker."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.monitoring.model import Dashboard, Panel, Query
from claimx_pipeline.monitoring.queries import RATE, W, quantiles

MEDIA: Final = Dashboard(
    uid="claimx-media",
    title="ClaimX: media",
    text="Files on their way from their host to the store.",
    panels=(
        Panel(
            title="Files by outcome",
            text="Files a second: fetched, stored, or the category of their failure.",
            unit="cps",
            queries=(Query(
                f"sum by (worker, outcome) (rate(claimx_files_total{{{W}}}{RATE}))",
                "{{worker}} {{outcome}}",
            ),),
        ),
        Panel(
            title="Share of failures",
            text="Share of the files that could not be fetched or stored.",
            unit="percentunit",
            queries=(Query(
                "sum by (worker) (rate(claimx_files_total{"
                f'outcome!~"fetched|known|stored|in_progress|held"}}{RATE})) / '
                f"sum by (worker) (rate(claimx_files_total{RATE}))",
                "{{worker}}",
            ),),
        ),
        Panel(
            title="Bytes",
            text="Bytes fetched and stored a second.",
            unit="Bps",
            queries=(Query(
                f"sum by (worker) (rate(claimx_files_bytes_total{{{W}}}{RATE}))", "{{worker}}"
            ),),
        ),
        Panel(
            title="Time of a file",
            text="How long one file takes: median, p95, p99.",
            unit="s",
            queries=quantiles("claimx_file_duration_seconds", W, by="worker"),
        ),
        Panel(
            title="Links asked for again",
            text="New links a second; many mean that files are fetched long after they were "
            "announced.",
            unit="reqps",
            queries=(Query(f"sum(rate(claimx_link_renewals_total{RATE}))"),),
        ),
        Panel(
            title="Files that wait",
            text="Records of files that are not committed, by topic.",
            queries=(Query(
                "sum by (topic) (max by (group, topic, partition) "
                '(claimx_consumer_lag_records{topic=~".*[.]downloads[.].*"}))',
                "{{topic}}",
            ),),
        ),
    ),
)  # fmt: skip

RETRIES: Final = Dashboard(
    uid="claimx-retries",
    title="ClaimX: retries and dead letters",
    text="What is tried again and when, and what has died, by cause.",
    panels=(
        Panel(
            title="Records in retry topics",
            text="Records that wait for their next try, by topic; the topic's name has the delay.",
            queries=(Query("max by (topic) (claimx_retry_tier_records)", "{{topic}}"),),
        ),
        Panel(
            title="Overdue",
            text="How much longer than its delay the oldest record waits; above 0 for long, worker "
            "`retry` is behind.",
            unit="s",
            queries=(Query(
                "clamp_min(max by (topic) (claimx_retry_tier_oldest_seconds - "
                "claimx_retry_tier_delay_seconds), 0)",
                "{{topic}}",
            ),),
        ),
        Panel(
            title="Retries by category",
            text="Records a second that go to a retry topic, by category of the failure.",
            unit="cps",
            queries=(Query(
                f"sum by (worker, category) (rate(claimx_records_retried_total{{{W}}}{RATE}))",
                "{{worker}} {{category}}",
            ),),
        ),
        Panel(
            title="Dead letters by category",
            text="Dead letters a second, by worker and category.",
            unit="cps",
            queries=(Query(
                f"sum by (worker, category) (rate(claimx_dead_letters_total{{{W}}}{RATE}))",
                "{{worker}} {{category}}",
            ),),
        ),
        Panel(
            title="Dead letters of the last day",
            text="Dead letters of the last day by worker, kind and category; `plugin` died for a "
            "plugin only.",
            kind="table",
            queries=(Query(
                "sum by (worker, kind, category) (increase(claimx_dead_letters_total[1d]))"
            ),),
        ),
        Panel(
            title="Dead letters stored",
            text="Records that topics of dead letters hold, replayed ones included.",
            queries=(Query("max by (topic) (claimx_dead_letters_stored)", "{{topic}}"),),
        ),
        Panel(
            title="Share of failures",
            text="Share of the committed records that are tried again or died, by worker.",
            unit="percentunit",
            queries=(Query(
                "sum by (worker) (rate(claimx_records_committed_total{"
                f'outcome=~"retry|dead"}}{RATE})) / '
                f"sum by (worker) (rate(claimx_records_committed_total{RATE}))",
                "{{worker}}",
            ),),
        ),
    ),
)  # fmt: skip

TABLES: Final = Dashboard(
    uid="claimx-tables",
    title="ClaimX: tables",
    text="Commits to the Delta tables, their sizes and their age.",
    panels=(
        Panel(
            title="Rows",
            text="Rows a second: written, skipped since the table had them, refused.",
            unit="cps",
            queries=(Query(
                f"sum by (table, result) (rate(claimx_table_rows_total{{{W}}}{RATE}))",
                "{{table}} {{result}}",
            ),),
        ),
        Panel(
            title="Commits",
            text="Writes a second by outcome; `failed` must be 0.",
            unit="cps",
            queries=(Query(
                f"sum by (table, outcome) (rate(claimx_table_commits_total{{{W}}}{RATE}))",
                "{{table}} {{outcome}}",
            ),),
        ),
        Panel(
            title="Conflicts",
            text="Commits a second that were tried again since another writer was first.",
            unit="cps",
            queries=(Query(
                f"sum by (table) (rate(claimx_table_conflicts_total{{{W}}}{RATE}))", "{{table}}"
            ),),
        ),
        Panel(
            title="Time of a write",
            text="How long writing one batch takes, p95.",
            unit="s",
            queries=(Query(
                "histogram_quantile(0.95, sum by (table, le) "
                f"(rate(claimx_table_write_duration_seconds_bucket{{{W}}}{RATE})))",
                "{{table}}",
            ),),
        ),
        Panel(
            title="Seconds since the last commit",
            text="Age of each table; a table grows old when nothing new comes, or when its worker "
            "waits.",
            unit="s",
            queries=(Query(
                "time() - max by (table) "
                f"(claimx_table_last_commit_timestamp_seconds{{{W}}})",
                "{{table}}",
            ),),
        ),
        Panel(
            title="Version",
            text="Version of each table; a step per commit.",
            queries=(Query("max by (table) (claimx_table_version)", "{{table}}"),),
        ),
        Panel(
            title="Files",
            text="Data files of each table; many small ones make reading slow, "
            "`claimx-run tables compact` joins them.",
            queries=(Query("max by (table) (claimx_table_files)", "{{table}}"),),
        ),
        Panel(
            title="Bytes per file",
            text="Average size of a table's files; below a megabyte for long, compact it.",
            unit="bytes",
            queries=(Query(
                "max by (table) (claimx_table_size_bytes) / max by (table) (claimx_table_files)",
                "{{table}}",
            ),),
        ),
        Panel(
            title="Size",
            text="Bytes of each table's newest version.",
            unit="bytes",
            queries=(Query("max by (table) (claimx_table_size_bytes)", "{{table}}"),),
        ),
        Panel(
            title="Rows stored",
            text="Rows of each table's newest version.",
            queries=(Query("max by (table) (claimx_table_stored_rows)", "{{table}}"),),
        ),
        Panel(
            title="Files of the log",
            text="Files of each table's log; it stays bounded, a log that grows is not cleaned up.",
            queries=(Query("max by (table) (claimx_table_log_files)", "{{table}}"),),
        ),
    ),
)  # fmt: skip

EMBEDDED_BROKER: Final = Dashboard(
    uid="claimx-embedded-broker",
    title="ClaimX: embedded broker",
    text="The file that holds the topics where there is no Kafka; empty on Kafka.",
    panels=(
        Panel(
            title="Size of the files",
            text="Bytes of the topics, and of the write-ahead log, which is emptied now and then.",
            unit="bytes",
            queries=(Query(
                "max by (instance, file) (claimx_embedded_broker_file_bytes)",
                "{{instance}} {{file}}",
            ),),
        ),
        Panel(
            title="Records in topics",
            text="Records that topics hold; retention deletes the oldest.",
            queries=(Query("max by (topic) (claimx_topic_records)", "{{topic}}"),),
        ),
        Panel(
            title="Records published",
            text="Records published a second, by topic.",
            unit="cps",
            queries=(Query(
                f"sum by (topic) (rate(claimx_records_published_total{RATE}))", "{{topic}}"
            ),),
        ),
        Panel(
            title="Time to publish and to commit",
            text="p95 of publishing and committing: the disk, and how many processes share the "
            "file.",
            unit="s",
            queries=(Query(
                "histogram_quantile(0.95, sum by (phase, le) (rate("
                'claimx_batch_phase_duration_seconds_bucket{phase=~"publish|commit|poll"}'
                f"{RATE})))",
                "{{phase}}",
            ),),
        ),
    ),
)  # fmt: skip
