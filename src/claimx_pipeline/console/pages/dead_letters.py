"""Dead letters by cause: looked at one by one, replayed behind a preview, exported."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from claimx_pipeline import operations
from claimx_pipeline.console.access import form_of, note_change, note_view
from claimx_pipeline.console.answers import as_json_lines, begun
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.operations.record_filter import json_value

_SHOWN = 100
_PREVIEWS = 10


async def dead_letters(request: Request) -> Response:
    """Show the dead letters by cause, each with a whole example."""
    console = Console.of(request)
    look = await operations.look_at_dead_letters(console.pipeline, _wanted(console, request))
    groups = look.groups.largest_first()
    return console.page(
        request,
        "dead_letters.html",
        groups=[_group(console, group) for group in groups[:_SHOWN]],
        more=max(len(groups) - _SHOWN, 0),
        count=look.groups.count,
        hidden=look.hidden,
        asked=dict(request.query_params),
    )


async def dead_letter(request: Request) -> Response:
    """Show one dead letter: what failed, why, and the record."""
    console = Console.of(request)
    location = request.path_params["location"]
    shown = (await operations.show_dead_letter(console.pipeline, location)).as_json()
    value = json_value((shown["value"] or "").encode())
    shown["value"] = (
        console.hide(value) if value is not None else console.hide_text(shown["value"] or "")
    )
    for name in ("error", "key", "traceback"):
        shown[name] = console.hide_text(shown[name] or "")
    shown["headers"] = [
        {**header, "value": console.hide_text(header["value"] or "")} for header in shown["headers"]
    ]
    if console.settings.show_personal_data:
        note_view(request, f"dead letter {location}")
    return console.page(request, "dead_letter.html", dead=shown, location=location)


async def preview(request: Request) -> Response:
    """Show what a replay would do; nothing is changed."""
    console = Console.of(request)
    plan = await _plan(console, request.query_params)
    return console.page(
        request,
        "replay.html",
        plan=plan,
        groups=[_group(console, group) for group in plan.groups.largest_first()[:_SHOWN]],
        more=max(len(plan.groups.largest_first()) - _SHOWN, 0),
        refused=plan.refused[:_SHOWN],
        previews=[_preview(console, each) for each in plan.previews[:_PREVIEWS]],
        asked={name: request.query_params.get(name, "") for name in _CHOICES},
    )


async def replay(request: Request) -> Response:
    """Replay what was previewed."""
    console = Console.of(request)
    form = await form_of(request)
    asked = {name: form.get(name, "") for name in _CHOICES}
    plan = await _plan(console, asked)
    note_change(request, f"replay of {plan.count} dead letters {_words(asked)}")
    done = await operations.replay_dead_letters(console.pipeline, plan)
    if done.error is not None:
        raise done.error
    target = f"/dead-letters?replayed={done.groups.count}&refused={len(done.refused)}"
    return RedirectResponse(target, 303)


async def export(request: Request) -> Response:
    """Return dead letters as a file, a JSON object per line."""
    console = Console.of(request)
    wanted = _wanted(console, request)

    async def rows() -> AsyncIterator[Any]:
        count = 0
        try:
            async for dead_letter in operations.read_dead_letters(console.pipeline, wanted):
                count += 1
                yield console.hide(_decoded(dead_letter.as_json()))
        finally:
            if console.settings.show_personal_data and count:
                note_view(request, f"{count} exported dead letters")

    return as_json_lines(await begun(rows()), "dead-letters")


_CHOICES = ("fingerprint", "location", "transform")
"""What a form of a replay carries: which dead letters, and what is changed in them."""


def _decoded(row: dict[str, Any]) -> dict[str, Any]:
    inner = json_value((row.get("value") or "").encode())
    return {**row, "value": inner} if inner is not None else row


async def _plan(console: Console, asked: Mapping[str, str]) -> operations.ReplayPlan:
    location = asked.get("location", "")
    wanted = operations.dead_letter_filter(
        console.pipeline, fingerprint=asked.get("fingerprint", "") or None, replayed=bool(location)
    )
    changes = [line.strip() for line in asked.get("transform", "").splitlines() if line.strip()]
    return await operations.plan_replay(
        console.pipeline,
        wanted,
        locations=[location] if location else [],
        transform=operations.RecordTransform.parse(changes),
    )


def _preview(console: Console, value: operations.TransformedValue) -> dict[str, Any]:
    """Return a value before and after it is changed, as it may be shown."""
    return {
        "location": str(value.location),
        "before": _shown_value(console, value.before),
        "after": _shown_value(console, value.after),
    }


def _shown_value(console: Console, content: bytes | None) -> Any:
    value = json_value(content)
    return console.hide(value) if value is not None else console.hide_text(_as_text(content))


def _as_text(content: bytes | None) -> str:
    return (content or b"").decode("utf-8", "replace")


def _wanted(console: Console, request: Request) -> Any:
    asked = request.query_params
    return operations.dead_letter_filter(
        console.pipeline,
        worker=asked.get("worker") or None,
        fingerprint=asked.get("fingerprint") or None,
        since=asked.get("since") or None,
    )


def _group(console: Console, group: operations.DeadLetterGroup) -> dict[str, Any]:
    failed = group.newest.failure
    return {
        **group.as_json(),
        "example": console.hide_text(failed.error if failed else ""),
        "first": group.first,
        "last": group.newest.failed_at,
    }


def _words(asked: dict[str, str]) -> str:
    asked = {name: " ".join(value.split()) for name, value in asked.items()}
    return " ".join(f"{name}={value}" for name, value in asked.items() if value) or "(all)"
