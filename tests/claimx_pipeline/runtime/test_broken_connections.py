"""The connection to Kafka is cut, or goes silent without a cut; the worker goes on by itself."""

import asyncio
import uuid

import pytest

from claimx_pipeline import Done, OutRecord, Pipeline
from claimx_pipeline.errors import BrokerUnavailableError
from tests.fakes.tcp_proxy import tcp_proxy
from tests.rigs.until import until
from tests.rigs.worker import OUT, Rig, Scripted


@pytest.mark.kafka
@pytest.mark.incident("REB-04")
async def test_cut_and_silent_connections_lose_nothing_and_end_no_worker(
    tmp_path, kafka_behind_proxy, caplog
):
    """Three cuts and a silence, one after the other, with records before and after each."""
    target, advertised = kafka_behind_proxy
    async with tcp_proxy(target, advertised) as proxy:
        rig = await Rig.make(tmp_path, f"kafka://127.0.0.1:{advertised}", f"t-{uuid.uuid4().hex}.")
        quick = {
            "broker.url": f"kafka://127.0.0.1:{advertised}",
            "broker.prefix": rig.pipeline.settings.broker.prefix,
            "broker.deadline_seconds": "2",
            "broker.kafka.session_timeout_seconds": "6",
        }
        rig.pipeline = Pipeline.load(environ={}, cwd=tmp_path, overrides=quick)
        processor = Scripted(lambda text: Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),)))
        loop = rig.loop(rig.failing(processor), asyncio.Event())
        running = asyncio.create_task(loop.run())
        expected: set[str] = set()

        async def handled(name: str) -> None:
            texts = [f"{name}-{number}" for number in range(20)]
            await insisting(lambda: rig.publish(*texts))
            expected.update(texts)
            await until(lambda: expected <= set(processor.seen), running, seconds=60)

        await handled("before")
        for number in range(3):
            proxy.close_connections()
            await handled(f"cut{number}")
        caplog.clear()
        proxy.silent = True
        await until(
            lambda: any(told.levelname == "WARNING" for told in of_the_worker(caplog)),
            running,
            seconds=60,
        )
        proxy.silent = False
        proxy.close_connections()
        await handled("after")
        loop.stop.set()
        await running
        assert set(await rig.published()) == expected
        assert await rig.committed() >= len(expected)


async def insisting(call) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                return await call()
            except BrokerUnavailableError:
                await asyncio.sleep(0.1)


def of_the_worker(caplog) -> list:
    return [told for told in caplog.records if told.name.startswith("claimx_pipeline.runtime")]
