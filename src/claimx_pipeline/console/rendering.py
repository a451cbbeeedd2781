"""Pages from templates: what every page gets, and how values look in it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jinja2
import msgspec
from attrs import define, field
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from claimx_pipeline._version import __version__
from claimx_pipeline.console.access import COOKIE, SESSION_SECONDS, Access
from claimx_pipeline.console.personal import hide, hide_columns, hide_text
from claimx_pipeline.settings.tree.console import ConsoleSettings

if TYPE_CHECKING:
    from claimx_pipeline.console.history import History
    from claimx_pipeline.pipeline import Pipeline

PAGES = (
    ("/", "Overview"),
    ("/workers", "Workers"),
    ("/topics", "Topics"),
    ("/dead-letters", "Dead letters"),
    ("/trace", "Trace"),
    ("/offsets", "Offsets"),
    ("/tables", "Tables"),
    ("/query", "Query"),
    ("/plugins", "Plugins"),
    ("/settings", "Settings"),
)
NOTHING = "-"
"""In place of a value that there is not."""
_THOUSAND = 1000
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@define(eq=False)
class Console:
    """What the pages share."""

    pipeline: Pipeline
    settings: ConsoleSettings
    access: Access
    history: History
    _templates: jinja2.Environment = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._templates = jinja2.Environment(
            loader=jinja2.PackageLoader("claimx_pipeline.console"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            number=number,
            when=when,
            ago=self._ago,
            size=size,
            cell=cell,
            pretty=pretty,
            coded=coded,
            value=shown_value,
        )

    @classmethod
    def of(cls, request: Request) -> Console:
        """Return the console that answers *request*."""
        found: Console = request.app.state.console
        return found

    def page(self, request: Request, template: str, code: int = 200, **values: Any) -> Response:
        """Return a page; a browser that may see it and has no session gets one, for the forms."""
        session = self.access.session_of(request)
        known = self.access.is_known(request)
        fresh = self.access.open_session() if known and not session else ""
        text = self._templates.get_template(template).render(
            pages=PAGES,
            path=request.url.path,
            settings=self.settings,
            form_token=self.access.form_token(session or fresh),
            prefix=self.pipeline.settings.broker.prefix,
            version=__version__,
            **values,
        )
        response = HTMLResponse(text, code)
        if fresh:
            self.remember(response, fresh, secure=request.url.scheme == "https")
        return response

    @staticmethod
    def remember(response: Response, session: str, *, secure: bool) -> None:
        """Have the browser keep *session*."""
        response.set_cookie(
            COOKIE,
            session,
            max_age=int(SESSION_SECONDS),
            httponly=True,
            samesite="strict",
            secure=secure,
        )

    def hide(self, value: Any) -> Any:
        """Return *value* as it may be shown."""
        return value if self.settings.show_personal_data else hide(value)

    def hide_text(self, text: str) -> str:
        """Return *text* as it may be shown."""
        return text if self.settings.show_personal_data else hide_text(text)

    @property
    def hidden_columns(self) -> Any:
        """Which columns of a table a query does not see; None for none."""
        return None if self.settings.show_personal_data else hide_columns

    def _ago(self, moment: datetime | None) -> str:
        if moment is None:
            return NOTHING
        seconds = (self.pipeline.clock.now() - moment) // timedelta(seconds=1)
        return f"in {span(-seconds)}" if seconds < 0 else f"{span(seconds)} ago"


def span(seconds: int) -> str:
    """Return a length of time in its largest whole unit."""
    for unit, size_ in (("d", _DAY), ("h", _HOUR), ("min", _MINUTE)):
        if seconds >= size_:
            return f"{seconds // size_} {unit}"
    return f"{seconds} s"


def number(value: float | None) -> str:
    """Return a number as a person reads it."""
    if value is None:
        return NOTHING
    return f"{value:,.1f}" if isinstance(value, float) else f"{value:,}"


def when(moment: datetime | None) -> str:
    """Return a time, exact in its attribute."""
    if moment is None:
        return NOTHING
    at = moment.astimezone(UTC)
    return Markup('<time datetime="{}">{}</time>').format(
        at.isoformat(), at.strftime("%Y-%m-%d %H:%M:%S")
    )


def size(count: int | None) -> str:
    """Return bytes in the largest unit of which there is at least one."""
    if count is None:
        return NOTHING
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < _THOUSAND:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= _THOUSAND
    return f"{amount:.1f} TB"


def cell(value: Any) -> str:
    """Return a value of a result as it is in a table."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def coded(text: str) -> Markup:
    """Return a sentence of a docstring with what is marked as code shown as code."""
    pieces = re.split(r"``(.+?)``", text)
    return Markup("").join(
        Markup("<code>{}</code>").format(piece) if number % 2 else piece
        for number, piece in enumerate(pieces)
    )


def shown_value(value: Any) -> str:
    """Return a record's value: JSON that a person reads, or its text."""
    return value if isinstance(value, str) else "" if value is None else pretty(value)


def pretty(value: Any) -> str:
    """Return *value* as JSON that a person reads."""
    return msgspec.json.format(msgspec.json.encode(value, enc_hook=str), indent=2).decode()
