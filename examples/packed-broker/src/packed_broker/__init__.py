"""A broker of one's own: the embedded one, with every value packed on its way to the file."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from claimx_pipeline import OutRecord, hookimpl
from claimx_pipeline.broker import BrokerFactory, BrokerSettings, embedded_broker


class Around:
    """Hands on to the broker inside what is not written here."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@frozen
class Unpacked:
    """A record as it was before it was packed."""

    record: Any
    value: bytes | None

    def __getattr__(self, name: str) -> Any:
        return getattr(self.record, name)


def unpacked(records: Sequence[Any]) -> list[Any]:
    return [Unpacked(each, each.value and zlib.decompress(each.value)) for each in records]


class Producer(Around):
    async def publish(self, records: Sequence[OutRecord]) -> None:
        packed = [
            evolve(r, value=r.value if r.value is None else zlib.compress(r.value)) for r in records
        ]
        await self.inner.publish(packed)


class Consumer(Around):
    async def poll(self, **limits: Any) -> Sequence[Any]:
        batches = await self.inner.poll(**limits)
        return [evolve(batch, records=unpacked(batch.records)) for batch in batches]


class Admin(Around):
    async def read(self, *where: Any, **limits: Any) -> Sequence[Any]:
        return unpacked(await self.inner.read(*where, **limits))


class PackedBroker(Around):
    """``packed:///FILE``: as ``sqlite:///FILE``, smaller and slower."""

    def __init__(self, url: str, settings: BrokerSettings) -> None:
        super().__init__(embedded_broker(url.replace("packed:", "sqlite:", 1), settings))
        self.url = url

    def consumer(self, **what: Any) -> Any:
        return Consumer(self.inner.consumer(**what))

    def producer(self) -> Any:
        return Producer(self.inner.producer())

    def admin(self) -> Any:
        return Admin(self.inner.admin())


@hookimpl
def claimx_register_brokers() -> Mapping[str, BrokerFactory]:
    """Offer the broker to ``broker.url``."""
    return {"packed": PackedBroker}
