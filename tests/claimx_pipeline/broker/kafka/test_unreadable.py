"""Record batches in Kafka's log that no client can read: skipped and reported, and nothing else."""

import asyncio
import struct
from pathlib import Path

import pytest
from aiokafka.record.util import calc_crc32c

from claimx_pipeline import Done, OutRecord
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from tests.rigs.worker import DEAD, IN, OUT, Rig, Scripted

LENGTH_AT, CHECKSUM_AT, ATTRIBUTES_AT = 8, 17, 21


def wrong_checksum(batch: bytearray) -> None:
    batch[-3] ^= 0xFF


def unknown_codec(batch: bytearray) -> None:
    """Compressed in a way that no library here knows, and otherwise all right."""
    struct.pack_into(">h", batch, ATTRIBUTES_AT, 6)
    struct.pack_into(">I", batch, CHECKSUM_AT, calc_crc32c(bytes(batch[ATTRIBUTES_AT:])))


def damage(segment: Path, number: int, how) -> None:
    """Change batch *number* of a segment where it lies."""
    content = bytearray(segment.read_bytes())
    at = 0
    for _ in range(number):
        at += 12 + struct.unpack_from(">i", content, at + LENGTH_AT)[0]
    end = at + 12 + struct.unpack_from(">i", content, at + LENGTH_AT)[0]
    batch = content[at:end]
    how(batch)
    with segment.open("r+b") as file:
        file.seek(at)
        file.write(batch)


@pytest.mark.kafka
@pytest.mark.incident("OFF-05")
async def test_unreadable_batches_become_dead_letters_and_every_other_record_is_worked_on(
    tmp_path, own_kafka
):
    """Two of five batches of one partition are damaged; no good record is lost or doubled."""
    url, server = own_kafka.url, own_kafka.process
    rig = await Rig.make(tmp_path, url)
    producer = rig.broker().producer()
    await producer.start()
    for number in range(5):
        await producer.publish(
            [OutRecord(IN.name, f"a{number}-{n}".encode(), bucket=0) for n in range(10)]
        )
        await producer.publish(
            [OutRecord(IN.name, f"b{number}-{n}".encode(), bucket=1) for n in range(6)]
        )
    await producer.close()
    segment = Path(server.args[-1]).parent / "data" / f"{IN.name}-0" / f"{0:020}.log"
    damage(segment, 1, wrong_checksum)
    damage(segment, 3, unknown_codec)

    processor = Scripted(lambda text: Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),)))
    loop = rig.loop(rig.failing(processor, batch_size=25), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 62, loop)

    expected = [f"a{number}-{n}" for number in (0, 2, 4) for n in range(10)]
    expected += [f"b{number}-{n}" for number in range(5) for n in range(6)]
    assert sorted(await rig.published()) == sorted(expected)
    assert await rig.committed() == 80
    dead = await rig.records(DEAD)
    dead_letters = [DeadLetter.read(record) for record in dead]
    assert [each.error.split(":")[0] for each in dead_letters] == [
        "offsets 10 to 19 of test.in[0] cannot be read",
        "offsets 30 to 39 of test.in[0] cannot be read",
    ]
    assert "checksum is wrong" in dead_letters[0].error
    assert "UnsupportedCodec" in dead_letters[1].error
    assert all(b"a" in record.value for record in dead), "the bytes are kept"
