"""Asks a service's harmless question when it is not clear whose failure it was."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, RequestFailedError, category_of_status
from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.errors import Category

logger = logging.getLogger(__name__)

_SHARED_SECONDS = 1.0
"""For how long an answer serves all who are in doubt: a failing service is asked little."""

_FORBIDDEN, _NOT_FOUND = 403, 404


@define(eq=False)
class Probe:
    """A harmless question to a service; asked once however many want to know."""

    name: str
    """Name of the connection."""
    _ask: Callable[[], Awaitable[Answer]]
    """Returns the answer whatever its status, or raises ``RequestFailedError``."""
    _clock: Clock
    _answers: AnswerCache[bool] = field(init=False)
    _last: bool = field(default=True, init=False)

    def __attrs_post_init__(self) -> None:
        self._answers = AnswerCache(_SHARED_SECONDS, 1, self._clock)

    async def healthy(self) -> bool:
        """Tell whether the service works; an answer of the last second will do."""
        return await self._answers.get("probe", self._fetch)

    async def _fetch(self) -> bool:
        try:
            answer = await self._ask()
        except RequestFailedError as error:
            healthy, said = False, error.reason
        else:
            healthy = _works(answer.status)
            said = f"{answer.where}: answered {answer.status}"
        if healthy != self._last:
            level = logging.INFO if healthy else logging.WARNING
            word = "well" if healthy else "not well"
            logger.log(level, "service of connection %r is %s: probe %s", self.name, word, said)
        self._last = healthy
        return healthy


def _works(status: int) -> bool:
    """Tell whether *status* is what a working service answers.

    A 404 is not: a gateway without its service behind it says so as well.
    """
    if 200 <= status < 300:  # noqa: PLR2004 - the class of successes
        return True
    definite = category_of_status(status) is Category.PERMANENT
    return definite and status not in {_FORBIDDEN, _NOT_FOUND}
