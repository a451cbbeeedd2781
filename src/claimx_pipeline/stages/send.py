"""Stage ``send``: hands records to an HTTP service, one by one or many in one request."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from attrs import field, frozen
from attrs.validators import ge, min_len, optional

from claimx_pipeline.connections.verdict import JsonVerdict, Verdict, by_status
from claimx_pipeline.runtime.headers import ID, header, origin_of
from claimx_pipeline.runtime.outcome import failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.settings.kinds import KIND
from claimx_pipeline.settings.kinds import endpoint as is_endpoint
from claimx_pipeline.stages.fields import read_field
from claimx_pipeline.stages.placeholders import check_endpoint, filled, filled_path
from claimx_pipeline.stages.protocol import Item

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection


@frozen(kw_only=True)
class SendConfig:
    """Options of ``send``."""

    connection: str
    """Named connection that is sent to."""

    endpoint: str = field(default="", metadata={KIND: is_endpoint})
    """Path, with ``{name}`` for each of ``path_params``."""

    path_params: Mapping[str, str] = field(factory=dict)
    """Placeholder to the dotted path of the field that fills it."""

    method: Literal["POST", "PUT", "PATCH"] = "POST"
    """HTTP method."""

    body: Mapping[str, str] = field(factory=dict)
    """Key of the body to the dotted path of its field; without, all data is sent."""

    idempotency_key: str | None = None
    """Text with ``{field}`` for fields; without, what identifies the record on the broker."""

    result_field: str = "response"
    """Where ``status_code`` and ``body`` of the answer go."""

    batch_size: int | None = field(default=None, validator=optional(ge(1)))
    """Records in one request, at most; without, each record is a request of its own.

    A request takes what the worker's batch holds, so the worker's ``batch_size``,
    ``linger_seconds`` and its stopping are when a smaller one goes out.
    """

    batch_field: str = "items"
    """Key of the list of records in the body of a batch."""

    expect: Literal["any", "json"] = "any"
    """What a success looks like: any answer of status 2xx; or ``json``, a JSON object with it.
    With ``json``, 202 and 204 may be empty, and a page that something in between answers with
    is tried again."""

    success_field: str | None = field(default=None, validator=optional(min_len(1)))
    """Field of the answer that must say yes (true, 1, ``yes``, ``ok``): with no, the records are
    refused with the answer's message; without the field there is no answer, and it is tried
    again. Implies ``expect: json``."""

    def __attrs_post_init__(self) -> None:
        if self.batch_size and self.path_params:
            raise ValueError("path_params need one request per record; remove batch_size")
        check_endpoint(self.endpoint, self.path_params)


class SendStage:
    """Sends, many requests at once. What becomes of one becomes of its records."""

    config_class: ClassVar[type[Any]] = SendConfig

    def __init__(self, config: SendConfig) -> None:
        self.config = config
        self._connection: Connection
        self._verdict: Verdict = by_status
        if config.success_field is not None:
            self._verdict = JsonVerdict(config.success_field, needed=True)
        elif config.expect == "json":
            self._verdict = JsonVerdict(field="")

    async def open(self, resources: Resources) -> None:
        """Find the connection.

        Raises:
            SettingsError: There is no such connection.
        """
        self._connection = resources.connections.get(self.config.connection)

    async def process(self, items: Sequence[Item]) -> None:
        """Send the batch."""
        size = self.config.batch_size
        if size is None:
            await asyncio.gather(*(self._send_one(item) for item in items))
        else:
            await asyncio.gather(*(self._send_many(part) for part in batched(items, size)))

    async def close(self) -> None:
        """Nothing to release: the connection belongs to the process."""

    async def _send_one(self, item: Item) -> None:
        with failing([item]):
            path = filled_path(self.config.endpoint, self.config.path_params, item.data)
            await self._send([item], path, self._body(item), self._key(item))

    async def _send_many(self, items: Sequence[Item]) -> None:
        """Send one batch; a repetition of the same records carries the same key."""
        keys = {}
        for item in items:
            with failing([item]):
                keys[id(item)] = self._key(item)
        sent = [item for item in items if item.outcome is None]
        if not sent:
            return
        body = {
            self.config.batch_field: [self._body(item) for item in sent],
            "batch_size": len(sent),
        }
        with failing(sent):
            key = hashlib.sha256("\n".join(keys[id(item)] for item in sent).encode()).hexdigest()
            await self._send(sent, self.config.endpoint, body, key)

    async def _send(self, items: Sequence[Item], path: str, body: Any, key: str) -> None:
        answer = await self._connection.request(
            self.config.method,
            path,
            json=body,
            idempotency_key=key,
            verdict=self._verdict,
            endpoint=self.config.endpoint,
        )
        found = {"status_code": answer.status, "body": answer.body.decode("utf-8", "replace")}
        for item in items:
            item.data[self.config.result_field] = found

    def _body(self, item: Item) -> dict[str, Any]:
        if not self.config.body:
            return dict(item.data)
        return {key: read_field(item.data, path) for key, path in self.config.body.items()}

    def _key(self, item: Item) -> str:
        if self.config.idempotency_key is not None:
            return filled(self.config.idempotency_key, item.data)
        return header(item.record.headers, ID) or str(origin_of(item.record))


@contextlib.contextmanager
def failing(items: Sequence[Item]) -> Iterator[None]:
    """Make an exception of the block the outcome of *items*, and of no other record."""
    try:
        yield
    except BaseException as error:  # noqa: BLE001 - a record's failure is that record's outcome
        for item in items:
            item.outcome = failure(error)


def batched(items: Sequence[Item], size: int) -> list[tuple[Item, ...]]:
    """Return *items* in parts of at most *size*."""
    rest = iter(items)
    return list(iter(lambda: tuple(itertools.islice(rest, size)), ()))
