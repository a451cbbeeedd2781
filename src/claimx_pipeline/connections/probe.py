"""Asks a service's harmless question when it is not clear whose failure it was."""

from __future__ import annotations

import enum
import logging
from collections.abc import Awaitable, Callable

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import (
    MISSING,
    Answer,
    NotJsonAnswerError,
    RequestFailedError,
    category_of_status,
)
from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.errors import Category

logger = logging.getLogger(__name__)

_SHARED_SECONDS = 1.0
"""For how long an answer serves all who are in doubt: a failing service is asked little."""

_FORBIDDEN, _NOT_FOUND, _NO_CONTENT = 403, 404, 204


class Doubt(enum.Enum):
    """Why it is not clear whose failure it was; what a probe has to show depends on it."""

    FAILED = "failed"
    """No answer, or a failure of the server."""
    MISSING = "missing"
    """404 or 405: one thing is missing, or all of them."""
    NOT_JSON = "not JSON"
    """No JSON came where JSON is promised: a page, or nothing."""


@define(eq=False)
class Probe:
    """A harmless question to a service; asked once however many want to know."""

    name: str
    """Name of the connection."""
    _ask: Callable[[], Awaitable[Answer]]
    """Returns the answer whatever its status, or raises ``RequestFailedError``."""
    _clock: Clock
    _answers: AnswerCache[Answer | None] = field(init=False)
    _last: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._answers = AnswerCache(_SHARED_SECONDS, 1, self._clock)

    async def healthy(self, doubt: Doubt = Doubt.FAILED) -> bool:
        """Tell whether the service works; an answer of the last second will do."""
        answer = await self._answers.get("probe", self._fetch)
        return answer is not None and _vouches(answer, doubt)

    async def _fetch(self) -> Answer | None:
        """Return the answer; None if there is none."""
        answer = None
        try:
            answer = await self._ask()
        except RequestFailedError as error:
            said = error.reason
        else:
            said = f"{answer.where}: answered {answer.status}"
        healthy = answer is not None and _works(answer.status)
        if healthy != self._last:
            level = logging.INFO if healthy else logging.WARNING
            word = "well" if healthy else "not well"
            logger.log(level, "service of connection %r is %s: probe %s", self.name, word, said)
        self._last = healthy
        return answer


def _vouches(answer: Answer, doubt: Doubt) -> bool:
    """Tell whether *answer* shows that the service works in spite of *doubt*."""
    if not _works(answer.status):
        return False
    if doubt is Doubt.MISSING:
        return answer.status not in MISSING
    if doubt is Doubt.FAILED or answer.status >= 400 or answer.status == _NO_CONTENT:  # noqa: PLR2004 - the class of client errors
        return True
    return _says_something(answer)


def _says_something(answer: Answer) -> bool:
    """Tell whether *answer* is neither empty nor a page nor half a text: JSON, or "ok"."""
    text = answer.body.strip()
    if text[:1] in (b"{", b"["):
        try:
            answer.json()
        except NotJsonAnswerError:
            return False
    return bool(text) and text[:1] != b"<"


def _works(status: int) -> bool:
    """Tell whether *status* is what a working service answers.

    A 404 is not: a gateway without its service behind it says so as well.
    """
    if 200 <= status < 300:  # noqa: PLR2004 - the class of successes
        return True
    definite = category_of_status(status) is Category.PERMANENT
    return definite and status not in {_FORBIDDEN, _NOT_FOUND}
