"""What handlers ask the API, through the cache of projects, with the requests counted."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from attrs import define, evolve, field

from claimx_pipeline.claimx.api import ClaimxApi, Json
from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answered
from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.settings.tree.claimx import ApiSettings
from claimx_pipeline.telemetry.request_metrics import CacheCounts

ProjectAnswer = Answered[Json]

_PATH = re.compile(r"/[^/?#\s][^?#\s]*")

A = TypeVar("A")
B = TypeVar("B")


@define
class ClaimxReader:
    """Asks the API for handlers; ``calls`` counts the requests made through this reader."""

    _api: ClaimxApi
    _answers: AnswerCache[Answered[Any]]
    calls: int = field(default=0, init=False)

    @classmethod
    def of(
        cls,
        api: ClaimxApi,
        settings: ApiSettings,
        clock: Clock,
        counts: CacheCounts | None = None,
    ) -> ClaimxReader:
        """Return a reader with a cache of its own, as the settings say; *counts* counts it."""
        cache: AnswerCache[Answered[Any]] = AnswerCache(
            settings.project_cache_seconds,
            settings.project_cache_entries,
            clock,
            counts=counts or CacheCounts(),
            pack=Answered.packed,
        )
        return cls(api, cache)

    def counted(self) -> ClaimxReader:
        """Return a reader of the same API and cache that counts from 0."""
        return evolve(self)

    async def close(self) -> None:
        """Close the API's connections, which readers that count for themselves share."""
        await self._api.close()

    async def get(
        self,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        project_id: int | None = None,
        not_before: datetime | None = None,
    ) -> Answered[Any]:
        """Return what the API answers to ``GET`` of *path*: its JSON as ``body``, and when.

        It shares connections, credential, concurrency, breaker and cache with everything else
        that is asked, and counts in ``calls`` if a request was made.

        Args:
            path: Below the API's address, percent-encoded where it must be: ``/notes/7``.
            params: The query.
            project_id: The project that is asked about. If 404 is answered about five different
                ones and nothing else, that is an outage and no event's own failure.
            not_before: An answer asked for earlier is not good enough: the time of the event, for
                what the event has changed. None for any that is kept.

        Returns:
            The answer. It may be shared with others who ask the same, and is not to be changed.

        Raises:
            ValueError: *path* is not one below the API's address.
            RequestFailedError: As ``claimx_pipeline.connections.Connection.request``; an answer
                that is not JSON is a failure.
        """
        if not _PATH.fullmatch(path):
            raise ValueError(
                f"{path[:80]!r} is not a path below the API's address; begin it with one '/', and "
                "give the query by params"
            )

        async def fetch() -> Answered[Any]:
            self.calls += 1
            return await self._api.get(path, params, project_id)

        query = tuple(sorted((name, str(value)) for name, value in (params or {}).items()))
        return await self._answers.get((path, query), fetch, not_before)

    async def project(self, project_id: int, not_before: datetime | None = None) -> ProjectAnswer:
        """Return a project.

        Args:
            project_id: The project.
            not_before: An answer asked for earlier is not good enough. None for any
                that is kept.
        """

        async def fetch() -> ProjectAnswer:
            self.calls += 1
            return await self._api.project(project_id)

        answer: ProjectAnswer = await self._answers.get(project_id, fetch, not_before)
        if answer.body["project"].get("projectId") is None:
            # Half an answer serves those who asked, but the project is not known by it.
            self._answers.discard(project_id)
        return answer

    async def media(self, project_id: int, media_ids: Sequence[int]) -> Answered[list[Json]]:
        """Return those of *media_ids* that the project has."""
        self.calls += 1
        return await self._api.media(project_id, media_ids)

    async def task(self, assignment_id: int, project_id: int | None = None) -> Answered[Json]:
        """Return a task assignment; *project_id* is the project it is said to be of."""
        self.calls += 1
        return await self._api.task(assignment_id, project_id)

    async def video(self, project_id: int) -> Answered[list[Json]]:
        """Return the report on a project's video calls."""
        self.calls += 1
        return await self._api.video(project_id)


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Return the results of two requests made at once.

    Raises:
        Exception: What the first of them raised, when both have ended.
    """
    one, other = await asyncio.gather(first, second, return_exceptions=True)
    if isinstance(one, BaseException):
        raise one
    if isinstance(other, BaseException):
        raise other
    return one, other
