"""Stage ``lookup``: asks an HTTP service about a record and keeps the answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge

from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.connections.client import Connection
from claimx_pipeline.runtime.outcome import failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.stages.placeholders import filled, filled_path
from claimx_pipeline.stages.protocol import Item

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class LookupConfig:
    """Options of ``lookup``."""

    RETIRED: ClassVar[Mapping[str, str]] = {"method": "a lookup is a GET; remove it"}

    connection: str
    """Named connection that is asked."""

    endpoint: str
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

    on_error: Literal["fail", "log_and_continue"] = "fail"
    """What a failed lookup means for the record."""


class LookupStage:
    """One GET per record, many at once, each key asked once at a time.

    An answer fetched before the record was published is fetched again: the record is
    about a change that such an answer may not show yet.
    """

    config_class: ClassVar[type[Any]] = LookupConfig

    def __init__(self, config: LookupConfig) -> None:
        self.config = config
        self._connection: Connection
        self._cache: AnswerCache[Any]

    async def open(self, resources: Resources) -> None:
        """Find the connection.

        Raises:
            SettingsError: There is no such connection.
        """
        self._connection = resources.connections.get(self.config.connection)
        self._cache = AnswerCache(self.config.cache_ttl, self.config.cache_entries, resources.clock)

    async def process(self, items: Sequence[Item]) -> None:
        """Look up every record of the batch, side by side."""
        await asyncio.gather(*(self._process_one(item) for item in items))

    async def close(self) -> None:
        """Nothing to release: the connection belongs to the process."""

    async def _process_one(self, item: Item) -> None:
        path = self.config.endpoint
        try:
            path, params = self._request(item.data)
            published = datetime.fromtimestamp(item.record.timestamp / 1000, UTC)
            answer = await self._cache.get(
                (path, tuple(sorted(params.items()))),
                lambda: self._ask(path, params),
                not_before=published,
            )
        except Exception as error:  # noqa: BLE001 - one record's failure is that record's outcome
            if self.config.on_error == "fail":
                item.outcome = failure(error)
                return
            log.warning("lookup of %s failed, the record goes on without: %s", path, error)
            answer = None
        item.data[self.config.result_field] = answer

    async def _ask(self, path: str, params: Mapping[str, str]) -> Any:
        answer = await self._connection.request("GET", path, params=dict(params) or None)
        return answer.json()

    def _request(self, data: Mapping[str, Any]) -> tuple[str, dict[str, str]]:
        path = filled_path(self.config.endpoint, self.config.path_params, data)
        return path, {name: filled(text, data) for name, text in self.config.query_params.items()}
