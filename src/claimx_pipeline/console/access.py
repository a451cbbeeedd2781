"""Who may see and do what: the token, the browser's session, forged requests, and the record of it.

Everything that a request needs to be let through is here, and every answer gets its headers here.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import logging
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from attrs import define, field, frozen
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Problem, SettingsError, UsageError
from claimx_pipeline.settings.tree.console import ConsoleSettings

audit = logging.getLogger("claimx_pipeline.console.audit")

COOKIE: Final = "claimx_console"
SESSION_SECONDS: Final = 12 * 3600.0
MOST_SESSIONS: Final = 1000
LARGEST_FORM: Final = 64 * 1024
WRONG_TOKEN_SECONDS: Final = 0.5
"""An answer to a wrong token waits for this long, so that guessing is slow."""

HEADERS: Final = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "x-content-type-options": "nosniff",
    # With no-referrer a browser sends the origin "null" with its own forms.
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

OPEN: Final = ("/login", "/static/")
"""What is answered without a token."""


def check(settings: ConsoleSettings) -> None:
    """See that the console may be served where the settings ask for.

    Raises:
        SettingsError: It is to be reached from other machines without a token.
    """
    if not is_loopback(settings.host) and settings.token is None:
        raise SettingsError(
            [
                Problem(
                    "console.token",
                    f"is needed, as console.host {settings.host} can be reached from other "
                    "machines; set it to a long random text, or console.host to 127.0.0.1",
                )
            ]
        )


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches *host*."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@frozen
class _Session:
    ends: float
    logged_in: bool


@define(eq=False)
class Access:
    """The sessions of one console, and its secret."""

    settings: ConsoleSettings
    _clock: Clock
    _secret: bytes = field(factory=lambda: secrets.token_bytes(32), init=False)
    _sessions: OrderedDict[str, _Session] = field(factory=OrderedDict, init=False)

    def session_of(self, connection: HTTPConnection) -> str:
        """Return the browser's session, empty if it has none that is valid."""
        session = connection.cookies.get(COOKIE, "")
        kept = self._sessions.get(session)
        return session if kept is not None and kept.ends > self._clock.monotonic() else ""

    def open_session(self, *, logged_in: bool = False) -> str:
        """Return a new session; one that is not *logged_in* is for the forms alone."""
        session = secrets.token_urlsafe(32)
        ends = self._clock.monotonic() + SESSION_SECONDS
        self._sessions[session] = _Session(ends, logged_in)
        while len(self._sessions) > MOST_SESSIONS:
            self._sessions.popitem(last=False)
        return session

    def end_session(self, session: str) -> None:
        """Forget *session*."""
        self._sessions.pop(session, None)

    def form_token(self, session: str) -> str:
        """Return what a form of this session has to send back."""
        return hmac.new(self._secret, session.encode(), hashlib.sha256).hexdigest()

    def is_token(self, text: str) -> bool:
        """Return whether *text* is the console's token."""
        token = self.settings.token
        return token is not None and hmac.compare_digest(text.encode(), token.reveal().encode())

    def is_known(self, connection: HTTPConnection) -> bool:
        """Return whether the request brings a session that was logged in, or the token."""
        if self.settings.token is None:
            return True
        session = self.session_of(connection)
        if session and self._sessions[session].logged_in:
            return True
        kind, _, text = connection.headers.get("authorization", "").partition(" ")
        return kind.lower() == "bearer" and self.is_token(text.strip())

    def is_own_host(self, connection: HTTPConnection) -> bool:
        """Return whether the request names this console, and not a name that leads here.

        A console without a token could else be read by any page whose name is made to resolve
        to this machine.
        """
        if self.settings.token is not None:
            return True
        name = urlsplit(f"//{connection.headers.get('host', '')}").hostname or ""
        return is_loopback(name) or name == self.settings.host

    def refusal(self, request: Request, form_token: str) -> str:
        """Return why a change that *request* asks for is refused; empty if it is not."""
        origin = request.headers.get("origin", "")
        if origin and urlsplit(origin).netloc != request.headers.get("host", ""):
            return "the form comes from another site"
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return "the form comes from another site"
        session = self.session_of(request)
        if not session or not hmac.compare_digest(form_token, self.form_token(session)):
            return "the form is too old, or was not made by this console; load its page again"
        if not self.settings.allow_changes:
            return "this console only reads; start it with --allow-changes"
        return ""


@define(eq=False)
class RequestGuard:
    """Lets a request through to the pages, or answers it; sets the headers of every answer."""

    _app: ASGIApp
    _access: Access
    _clock: Clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                kept = [
                    (name, value)
                    for name, value in message["headers"]
                    if name.decode("latin-1") != "cache-control"
                ]
                own = ((name.encode(), value.encode()) for name, value in HEADERS.items())
                message["headers"] = [*kept, *own]
            await send(message)

        answer = await self._refused(Request(scope, receive))
        await (answer or self._app)(scope, receive, with_headers)

    async def _refused(self, request: Request) -> Response | None:
        if not self._access.is_own_host(request):
            return PlainTextResponse("unknown host; use the address that was printed\n", 421)
        if request.url.path.startswith(OPEN) or self._access.is_known(request):
            return None
        if "authorization" in request.headers:
            await self._clock.sleep(WRONG_TOKEN_SECONDS)
            audit.warning("console: a wrong token from %s", who(request))
            return PlainTextResponse("wrong token\n", 401, {"www-authenticate": "Bearer"})
        if request.method != "GET" or "text/html" not in request.headers.get("accept", ""):
            return PlainTextResponse("a token is needed\n", 401, {"www-authenticate": "Bearer"})
        target = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(f"/login?to={quote(target, safe='')}", 303)


async def form_of(request: Request) -> Mapping[str, str]:
    """Return the fields of a form; the last of those with one name.

    Raises:
        UsageError: It is larger than any form of this console.
    """
    kept: Mapping[str, str] | None = getattr(request.state, "form", None)
    if kept is not None:
        return kept  # a body can be read once
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST_FORM:
            raise UsageError("the form is too large")
    request.state.form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
    return dict(request.state.form)


def who(connection: HTTPConnection) -> str:
    """Return where a request comes from, for the record."""
    return connection.client.host if connection.client else "unknown"


def note_change(request: Request, what: str) -> None:
    """Log a change that was asked for in the console."""
    audit.warning("console: %s by %s", what, who(request))


def note_view(request: Request, what: str) -> None:
    """Log that personal data were shown or exported."""
    audit.info("console: personal data of %s shown to %s", what, who(request))
