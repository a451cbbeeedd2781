"""Stage ``lookup``: asks an HTTP service about a record and keeps the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge

from claimx_pipeline.clock import Clock, published_at
from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.isolation import as_failure
from claimx_pipeline.runtime.outcome import failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.settings.kinds import KIND
from claimx_pipeline.settings.kinds import endpoint as is_endpoint
from claimx_pipeline.stages.placeholders import check_endpoint, filled, filled_path
from claimx_pipeline.stages.protocol import Item

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class LookupConfig:
    """Options of ``lookup``."""

    RETIRED: ClassVar[Mapping[str, str]] = {"method": "a lookup is a GET; remove it"}

    connection: str
    """Named connection that is asked."""

    endpoint: str = field(metadata={KIND: is_endpoint})
    """Path, with ``{name}`` for each of ``path_params``."""

    path_params: Mapping[str, str] = field(factory=dict)
    """Placeholder to the dotted path of the field that fills it."""

    query_params: Mapping[str, str] = field(factory=dict)
    """Parameter to its value; ``{field}`` is replaced by that field's value."""

    result_field: str = "lookup_result"
    """Where the answer goes."""

    cache_ttl: float = field(default=60.0, validator=ge(0))
    """Seconds an answer serves further records; 0 asks every time."""

    cache_entries: int = field(default=10_000, validator=ge(1))
    """Answers kept at most."""

    answered_at_field: str | None = None
    """Where the time of the answer goes, which is older than now if it was kept."""

    on_error: Literal["fail", "log_and_continue", "continue_and_return"] = "fail"
    """What a failed lookup means for the record: it fails; it goes on without; or it goes
    on without and comes back for the answer later, as if it had failed."""

    def __attrs_post_init__(self) -> None:
        check_endpoint(self.endpoint, self.path_params)


class LookupStage:
    """One GET per record, many at once, each key asked once at a time.

    All lookups of a process that ask the same connection and keep its answers equally long
    share them: two workers that follow one topic ask once.

    An answer fetched before the record was published is fetched again: the record is
    about a change that such an answer may not show yet.
    """

    config_class: ClassVar[type[Any]] = LookupConfig

    def __init__(self, config: LookupConfig) -> None:
        self.config = config
        self._connection: Connection
        self._clock: Clock
        self._cache: AnswerCache[tuple[Any, datetime]]

    async def open(self, resources: Resources) -> None:
        """Find the connection.

        Raises:
            SettingsError: There is no such connection.
        """
        self._clock = resources.clock
        self._connection = resources.connections.get(self.config.connection)
        config = self.config
        self._cache = resources.connections.answers(
            config.connection, config.cache_ttl, config.cache_entries, resources.clock
        )

    async def process(self, items: Sequence[Item]) -> None:
        """Look up every record of the batch, side by side."""
        errors = await asyncio.gather(*(self._process_one(item) for item in items))
        without = [error for error in errors if error is not None]
        if without:
            count, of = len(without), len(items)
            log.warning(
                "%d of %d lookups failed, the records go on without: %s", count, of, without[0]
            )

    async def close(self) -> None:
        """Nothing to release: the connection belongs to the process."""

    async def _process_one(self, item: Item) -> Exception | None:
        """Look one record up; return why it goes on without an answer, if it does."""
        config = self.config
        answer, answered_at, failed = None, None, None
        try:
            path, params = self._request(item.data)
            published = published_at(item.record.timestamp) or self._clock.now()
            answer, answered_at = await self._cache.get(
                # Where what is missing is usual, 404 is judged otherwise: not the same request.
                (path, tuple(sorted(params.items())), self._subject(path)),
                lambda: self._ask(path, params),
                not_before=published,
            )
        except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
            failed = as_failure(error)
            if config.on_error == "fail":
                item.outcome = failure(failed)
                return None
            if config.on_error == "continue_and_return":
                item.unfinished = failed
        item.data[config.result_field] = answer
        if config.answered_at_field is not None:
            item.data[config.answered_at_field] = answered_at
        return failed

    async def _ask(self, path: str, params: Mapping[str, str]) -> tuple[Any, datetime]:
        answer = await self._connection.request(
            "GET",
            path,
            params=dict(params) or None,
            expect="json",
            subject=self._subject(path),
            endpoint=self.config.endpoint,
        )
        return answer.json(), answer.answered_at

    def _subject(self, path: str) -> str | None:
        # Where a failed lookup is not a failure, what is missing may be usual.
        return None if self.config.on_error == "log_and_continue" else path

    def _request(self, data: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        path = filled_path(self.config.endpoint, self.config.path_params, data)
        return path, {name: filled(text, data) for name, text in self.config.query_params.items()}
