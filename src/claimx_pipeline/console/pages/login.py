"""The token is asked for once; the browser then has a session."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from claimx_pipeline.console.access import WRONG_TOKEN_SECONDS, audit, form_of, who
from claimx_pipeline.console.rendering import Console


async def login(request: Request) -> Response:
    """Ask for the token, or take it."""
    console = Console.of(request)
    target = _own(request.query_params.get("to", "/"))
    if request.method == "GET":
        return console.page(request, "login.html", target=target, error="")
    form = await form_of(request)
    target = _own(form.get("to", "/"))
    if not console.access.is_token(form.get("token", "").strip()):
        await console.pipeline.clock.sleep(WRONG_TOKEN_SECONDS)
        audit.warning("console: a wrong token from %s", who(request))
        return console.page(request, "login.html", 401, target=target, error="wrong token")
    response = RedirectResponse(target, 303)
    console.remember(
        response, console.access.open_session(logged_in=True), secure=request.url.scheme == "https"
    )
    return response


async def logout(request: Request) -> Response:
    """End the session."""
    console = Console.of(request)
    console.access.end_session(console.access.session_of(request))
    return RedirectResponse("/login", 303)


def _own(target: str) -> str:
    """Return *target* if it is a page of the console; never another site."""
    is_own = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if is_own else "/"
