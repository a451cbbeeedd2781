"""What each command looks like when it is typed; the end of its help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

EXAMPLES: Mapping[str, Sequence[str]] = {
    "demo": ("demo", "demo --events 1000 --again"),
    "init": ("init", "init --from-env settings"),
    "config check": ("config check", "config check enrichment entities --connect"),
    "config show": ("config show", "config show --sources"),
    "config schema": ("config schema",),
    "completion": ("completion bash", "completion zsh", "completion fish"),
    "worker": (
        "worker list",
        "worker show entities",
        "worker ingest events",
        "worker claimx --until-idle --strict",
    ),
    "up": ("up", "up --until-idle --strict"),
    "publish": (
        "publish events.jsonl",
        "publish mine.jsonl --topic claimx.events.raw --key-from projectId --dry-run",
    ),
    "backfill": (
        "backfill 'events/*.jsonl.gz' --rate 500",
        "backfill /data/claimx_events --type delta --column raw_json",
    ),
    "simulate": ("simulate --port 8900", "simulate --events 500 --write-events events.jsonl"),
    "export systemd": ("export systemd deploy",),
    "export kubernetes": ("export kubernetes deploy",),
    "export compose": ("export compose deploy",),
    "export image": ("export image deploy",),
    "monitoring export": ("monitoring export monitoring",),
    "status": ("status", "status --watch"),
    "doctor": ("doctor", "doctor --all --json"),
    "verify": ("verify --project 700100", "verify --project 700100 --send"),
    "trace": ("trace 700100", "trace e-0001 --json"),
    "topics list": ("topics list", "topics list --domain claimx --all"),
    "topics show": ("topics show claimx.events.raw",),
    "topics create": ("topics create",),
    "topics read": (
        "topics read claimx.events.raw --from -10",
        "topics read claimx.events.raw --from 2h --where projectId=700100 --follow",
    ),
    "topics delete": (
        "topics delete --prefix demo-1a2b3c4d. --dry-run",
        "topics delete claimx.events.raw --yes",
    ),
    "tables import": ("tables import --from /data/claimx_events --table claimx_events --dry-run",),
    "tables views": ("tables views --dialect spark", "tables views claimx_events --dialect duckdb"),
    "tables list": ("tables list", "tables list --domain claimx --csv"),
    "tables create": ("tables create --dry-run", "tables create claimx_events"),
    "tables show": ("tables show claimx_events", "tables show claimx_events --json"),
    "tables describe": ("tables describe claimx_events",),
    "tables maintain": ("tables maintain --dry-run", "tables maintain claimx_events"),
    "tables migrate": ("tables migrate --dry-run",),
    "tables compact": ("tables compact --dry-run", "tables compact claimx_events"),
    "tables vacuum": ("tables vacuum --dry-run", "tables vacuum claimx_events"),
    "erase": ("erase --project 700100 --dry-run", "erase --project 700100 --yes"),
    "compare": ("compare /data/claimx_projects claimx_projects --keys project_id",),
    "query": (
        "query 'SELECT event_type, count(*) FROM claimx_events GROUP BY ALL'",
        "query --list",
    ),
    "offsets show": ("offsets show", "offsets show enrichment --vertical"),
    "offsets adopt": ("offsets adopt entities --yes",),
    "offsets rewind": (
        "offsets rewind entities --to-table",
        "offsets rewind ingest --to-time 2h --topic claimx.events.raw",
    ),
    "dlq list": ("dlq list", "dlq list --since 2h --worker enrichment --where projectId=700100"),
    "dlq show": ("dlq show claimx.events.dlq/0/3",),
    "dlq replay": ("dlq replay --worker enrichment --dry-run", "dlq replay claimx.events.dlq/0/3"),
    "dlq export": ("dlq export dead.jsonl --since 24h",),
    "plugins list": ("plugins list",),
    "plugins show": ("plugins show task_trigger",),
    "plugins try": ("plugins try task_trigger --event event.json --simulated",),
    "plugins new": ("plugins new my_alerts --kind alert",),
    "console": ("console", "console --port 8080 --allow-changes"),
}
"""Command to what may follow ``claimx-run``; a test reads each as the command does."""


def with_examples(name: str, command: object) -> None:
    """Give *command*, and the commands in it, an end of their help with their examples."""
    for inner, each in getattr(command, "commands", {}).items():
        with_examples(f"{name} {inner}", each)
    lines = EXAMPLES.get(name)
    if lines and not getattr(command, "epilog", None):
        # The first character keeps the lines as they are.
        typed = "\n".join(f"  claimx-run {line}" for line in lines)
        command.epilog = f"\b\nExamples:\n{typed}"  # type: ignore[attr-defined]
