"""What the replay of dead letters reports: what would be changed, what was replayed, what not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from claimx_pipeline.hooks.output import note, print_json, print_table, warn

if TYPE_CHECKING:
    from claimx_pipeline.operations import Replayed, ReplayPlan

REFUSED_SHOWN = 20


def counted(count: int) -> str:
    """Return *count* dead letters in words."""
    if not count:
        return "no dead letters"
    return "1 dead letter" if count == 1 else f"{count} dead letters"


def note_previews(plan: ReplayPlan) -> None:
    """Show what a transform makes of one dead letter of each group."""
    for each in plan.previews:
        note(f"{each.location} ({each.fingerprint})")
        note(f"  before  {(each.before or b'').decode('utf-8', 'replace')}")
        note(f"  after   {(each.after or b'').decode('utf-8', 'replace')}")


def report(outcome: Replayed, plan: ReplayPlan, *, dry_run: bool, json: bool) -> None:
    """Say what was replayed, by cause, and what was not."""
    from claimx_pipeline.cli.dlq_output import COLUMNS, readable, rows_of

    planned, hidden = plan.count, plan.hidden
    rows = rows_of(outcome.groups)
    if json:
        print_json(
            {
                "dry_run": dry_run,
                "replayed": 0 if dry_run else outcome.groups.count,
                "interrupted": outcome.interrupted,
                "groups": rows,
                "transformed": [
                    {
                        "letter": str(each.location),
                        "before": (each.before or b"").decode("utf-8", "replace"),
                        "after": (each.after or b"").decode("utf-8", "replace"),
                    }
                    for each in plan.previews
                ],
                "refused": [
                    {"letter": str(each.location), "reason": each.reason}
                    for each in outcome.refused
                ],
            }
        )
        return
    if rows:
        print_table(readable(rows), COLUMNS, "Would be replayed" if dry_run else "Replayed")
    note_refused([f"{each.location}: {each.reason}" for each in outcome.refused])
    if outcome.interrupted:
        warn(f"interrupted after {outcome.groups.count} of {planned}; the same command goes on")
    elif planned:
        note(f"{'would replay' if dry_run else 'replayed'} {counted(outcome.groups.count)}")
    else:
        known = f"; {hidden} were replayed already, --again does it again" if hidden else ""
        note(f"nothing to replay{known}")


def note_refused(lines: Sequence[str]) -> None:
    """Say which dead letters were left as they are."""
    for line in lines[:REFUSED_SHOWN]:
        warn(f"not replayed: {line}")
    if len(lines) > REFUSED_SHOWN:
        warn(f"not replayed: {len(lines) - REFUSED_SHOWN} more; --json names them all")
