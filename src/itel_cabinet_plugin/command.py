"""``claimx-run itel``: look at a cabinet form without sending it anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import attrs
import msgspec
import typer

from claimx_pipeline import UsageError
from claimx_pipeline.hooks import note, print_json, print_table
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.parse import parse_form

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def itel() -> None:
    """Look at cabinet forms."""


@app.command("check-form", epilog="Examples: claimx-run itel check-form task.json")
def check_form(
    file: Annotated[
        Path, typer.Argument(help="A task as the ClaimX API answers it, JSON.", show_default=False)
    ],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Show how a task's form is read: columns, photos, and what fits nowhere."""
    parsed = parse_form(_read(file))
    if as_json:
        print_json(
            {
                "form": attrs.asdict(parsed.form),
                "adjuster": attrs.asdict(parsed.adjuster),
                "attachments": [attrs.asdict(photo) for photo in parsed.attachments],
                "unmatched": [attrs.asdict(misfit) for misfit in parsed.unmatched],
                "report": parsed.report,
            }
        )
        return
    _print(parsed)


def _read(file: Path) -> dict[str, Any]:
    try:
        assignment = msgspec.json.decode(file.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise UsageError(f"{file} cannot be read: {reason}; name a file that is there") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} is not JSON: {error}; save the API's answer as it is") from error
    if not isinstance(assignment, dict):
        raise UsageError(f"{file} holds no JSON object; save one task, not a list of tasks")
    return assignment


def _print(parsed: ParsedForm) -> None:
    columns = attrs.asdict(parsed.form)
    del columns["raw_data"]
    filled = [{"column": name, "value": value} for name, value in columns.items()]
    print_table(filled, ("column", "value"), "Columns of claimx_itel_forms")
    said = attrs.asdict(parsed.adjuster)
    if any(said.values()):
        rows = [{"field": name, "value": value} for name, value in said.items()]
        print_table(rows, ("field", "value"), "Adjuster")
    print_table(
        [attrs.asdict(photo) for photo in parsed.attachments],
        ("question_key", "display_order", "media_id", "question_text"),
        "Photos",
    )
    if parsed.unmatched:
        print_table(
            [attrs.asdict(misfit) for misfit in parsed.unmatched],
            ("reason", "group", "question", "detail"),
            "What did not fit",
        )
    answered = sum(value is not None for value in columns.values())
    note(
        f"{answered} of {len(columns)} columns, {len(parsed.attachments)} photos, "
        f"{len(parsed.unmatched)} that did not fit"
    )
