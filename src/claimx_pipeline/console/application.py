"""The console as an ASGI application: its addresses, and how errors look."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from claimx_pipeline.console.access import Access, RequestGuard, form_of
from claimx_pipeline.console.history import History
from claimx_pipeline.console.pages import (
    dead_letters,
    installation,
    login,
    messages,
    offsets,
    overview,
    tables,
    tracing,
)
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.errors import BrokerError, ClaimxError, DeadLetterError, UsageError

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.settings.tree.console import ConsoleSettings

log = logging.getLogger(__name__)

Endpoint = Callable[[Request], Awaitable[Response]]


def application(pipeline: Pipeline, settings: ConsoleSettings, history: History) -> ASGIApp:
    """Return what answers the console's requests."""
    clock = pipeline.clock
    access = Access(settings, clock)
    app = Starlette(
        routes=[
            Route("/", overview.overview),
            Route("/workers", overview.workers),
            Route("/topics", messages.topics),
            Route("/topics/{topic}", messages.messages),
            Route("/dead-letters", dead_letters.dead_letters),
            Route("/dead-letters/replay", dead_letters.preview, methods=["GET"]),
            Route("/dead-letters/replay", changing(dead_letters.replay), methods=["POST"]),
            Route("/dead-letters/export", dead_letters.export),
            Route("/dead-letters/at/{location:path}", dead_letters.dead_letter),
            Route("/trace", tracing.trace),
            Route("/offsets", offsets.offsets),
            Route("/offsets/{worker}/rewind", offsets.ask_rewind, methods=["GET"]),
            Route("/offsets/{worker}/rewind", changing(offsets.rewind), methods=["POST"]),
            Route("/tables", tables.tables),
            Route("/tables/{table}", tables.table),
            Route("/query", tables.query),
            Route("/plugins", installation.plugins),
            Route("/settings", installation.settings),
            Route("/login", login.login, methods=["GET", "POST"]),
            Route("/logout", login.logout, methods=["POST"]),
            Mount("/static", StaticFiles(packages=[("claimx_pipeline.console", "static")])),
        ],
        exception_handlers={
            ClaimxError: refused,
            HTTPException: unknown_page,
            Exception: broken,
        },
    )
    app.state.console = Console(pipeline, settings, access, history)
    return RequestGuard(app, access, clock)


def changing(endpoint: Endpoint) -> Endpoint:
    """Return *endpoint* for forms that this console made, if it may change anything."""

    async def checked(request: Request) -> Response:
        form = await form_of(request)
        reason = Console.of(request).access.refusal(request, form.get("form_token", ""))
        if reason:
            return PlainTextResponse(f"refused: {reason}\n", 403)
        return await endpoint(request)

    return checked


async def refused(request: Request, error: Exception) -> Response:
    """Say what could not be done, and why."""
    status = 502 if isinstance(error, BrokerError) else 400
    if isinstance(error, DeadLetterError):
        status = 404
    if not isinstance(error, (BrokerError, DeadLetterError, UsageError)):
        log.warning("console: %s could not be shown; %s", request.url.path, error)
    console = Console.of(request)
    text = console.hide_text(str(error))
    return console.page(request, "error.html", status, title="That did not work", text=text)


async def unknown_page(request: Request, error: Exception) -> Response:
    """Say that there is no such page."""
    status = error.status_code if isinstance(error, HTTPException) else 404
    text = "There is no such page." if status == 404 else str(error)  # noqa: PLR2004 - HTTP's own
    return Console.of(request).page(request, "error.html", status, title="Not found", text=text)


async def broken(request: Request, error: Exception) -> Response:
    """Log a defect with its traceback, and say that there is one."""
    log.error("console: %s failed", request.url.path, exc_info=error)
    return Console.of(request).page(
        request,
        "error.html",
        500,
        title="A defect",
        text="This page has failed; the log of the console has the details.",
    )
