"""How far tables and groups are, and moving a group behind a confirmation."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from claimx_pipeline import operations
from claimx_pipeline.console.access import form_of, note_change
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.offsets import RewindTo


async def offsets(request: Request) -> Response:
    """Show table, group and topic side by side, partition by partition."""
    console = Console.of(request)
    shown = await operations.show_offsets(console.pipeline)
    by_worker: dict[str, list[operations.ShownOffset]] = {}
    for row in shown:
        by_worker.setdefault(row.worker, []).append(row)
    return console.page(
        request, "offsets.html", by_worker=by_worker, moved=request.query_params.get("moved", "")
    )


async def ask_rewind(request: Request) -> Response:
    """Ask where a worker's group is to go, and whether that is meant."""
    console = Console.of(request)
    worker = request.path_params["worker"]
    shown = await operations.show_offsets(console.pipeline, worker)
    return console.page(request, "rewind.html", worker=worker, rows=shown)


async def rewind(request: Request) -> Response:
    """Move a worker's group."""
    console = Console.of(request)
    worker = request.path_params["worker"]
    form = await form_of(request)
    to, typed = form.get("to", "").strip(), form.get("confirm", "").strip()
    if typed != worker:
        raise UsageError(f"type {worker} to confirm; nothing was moved")
    target = _target(console, to)
    note_change(request, f"offsets of {worker} moved to {to}")
    await operations.rewind_offsets(console.pipeline, worker, target)
    return RedirectResponse(f"/offsets?moved={worker}", 303)


def _target(console: Console, text: str) -> RewindTo:
    """Return where *text* says that a group is to go.

    Raises:
        UsageError: It says nothing that is known.
    """
    if text == "table":
        return "table"
    if text == "earliest":
        return "earliest"
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return operations.moment(text, console.pipeline.clock.now())
    except UsageError as error:
        raise UsageError(
            f"{text!r} is not table, earliest, an offset or a time; nothing was moved"
        ) from error
