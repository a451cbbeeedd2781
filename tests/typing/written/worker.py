"""Workers: a chain of stages, and a processor written by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from claimx_pipeline import (
    DONE,
    Dead,
    Done,
    Outcome,
    OutRecord,
    Processor,
    Received,
    Record,
    RecordError,
    Resources,
    Retry,
    Settings,
    Topic,
    WorkerSpec,
    hookimpl,
)
from claimx_pipeline.stages import Chain, DeltaConfig, StageSpec, TransformConfig, ValidationConfig
from claimx_pipeline.tables import TableRow

NOTES = Topic("acme.notes", partitions=3)
FAILED = Topic("acme.notes.errors", partitions=1, terminal=True)


def stages(settings: Settings) -> Sequence[StageSpec]:
    return [
        StageSpec("validation", ValidationConfig(required_fields=("media_id",))),
        StageSpec("transform", TransformConfig(mappings={"media_id": "media.id"})),
        StageSpec("delta", DeltaConfig(table_name="acme_notes")),
    ]


CHAINED = WorkerSpec(
    name="acme-notes",
    summary="Keeps each note as a row.",
    group="acme-notes-worker",
    reads=(NOTES,),
    dead_letters=FAILED,
    linger_seconds=0.5,
    build=Chain(stages),
)


class Lengths:
    def __init__(self, resources: Resources) -> None:
        self.topic = resources.topology.physical(NOTES.name)

    async def open(self) -> None:
        pass

    def decode(self, record: Record) -> bytes:
        return record.value or b""

    async def process(self, batch: Sequence[Received[bytes]]) -> Sequence[Outcome]:
        return [self.outcome(received.message) for received in batch]

    def outcome(self, message: bytes) -> Outcome:
        match len(message):
            case 0:
                return DONE
            case 1:
                return Dead(RecordError("too short"))
            case 2:
                return Retry(RecordError("not yet"))
        row = TableRow("acme_notes", {"media_id": message.decode()})
        return Done(publish=(OutRecord(self.topic, message),), rows=(row,))

    async def close(self) -> None:
        pass


def build(resources: Resources) -> Processor:
    return Lengths(resources)


@hookimpl
def claimx_register_workers(settings: Settings) -> Iterable[WorkerSpec]:
    written = WorkerSpec(
        name="acme-lengths",
        summary="Measures notes.",
        group="acme-lengths-worker",
        reads=(NOTES,),
        dead_letters=FAILED,
        build=build,
    )
    return [CHAINED, written]
