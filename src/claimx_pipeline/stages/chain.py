"""``chain``: a plugin worker as a row of stages, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from attrs import evolve, field, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.errors import ClaimxError, DecodeError, RecordError
from claimx_pipeline.isolation import as_failure
from claimx_pipeline.json_errors import why
from claimx_pipeline.runtime.delivery.alone import each_alone
from claimx_pipeline.runtime.headers import HOPS, MOST_HOPS, hops_of
from claimx_pipeline.runtime.outcome import Dead, Done, Outcome, Retry, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.stages.protocol import (
    FollowsAssignment,
    Item,
    RecordStage,
    Stage,
    StageSpec,
)
from claimx_pipeline.topics import Topic


@frozen
class Chain:
    """How a worker is built from stages: give it to ``WorkerSpec(build=…)``.

    Settings may set options of its stages, or replace it; ``claimx-run worker show``
    prints it as it then is.
    """

    stages: Callable[[Settings], Sequence[StageSpec]]
    """The stages, first to last; may look at settings, must not connect."""
    success: Topic | None = None
    """Topic for a message per record that passed the whole chain, once its rows are in."""
    worker: str = ""
    """Name of the worker, for success messages and tracebacks."""
    registered: Mapping[str, type[Stage]] = field(factory=dict, repr=False)
    """Stages by the name that settings know; the pipeline puts those of all plugins here."""

    @classmethod
    def of(cls, *stages: StageSpec) -> Chain:
        """Return a chain whose stages do not depend on settings."""
        return cls(lambda _: stages)

    def __call__(self, resources: Resources) -> ChainProcessor:
        """Return the processor of one member of the worker.

        Raises:
            ClaimxError: No plugin registered a stage of that type.
        """
        made = []
        for spec in self.stages(resources.settings):
            kind = self.registered.get(spec.type)
            if kind is None:
                known = ", ".join(sorted(self.registered))
                raise ClaimxError(
                    f"worker {self.worker!r}: there is no stage {spec.type!r}; there are {known}"
                )
            made.append(_made(kind, spec, self.worker))
        return ChainProcessor(made, resources, success=self.success, worker=self.worker)


def _made(kind: type[Stage], spec: StageSpec, worker: str) -> Stage:
    stage = kind(spec.config)
    if isinstance(stage, RecordStage) and not stage.does_anything():
        raise ClaimxError(
            f"worker {worker!r}: stage {spec.type!r} ({kind.__name__}) has no method "
            "'process_one', so every record would fail; write one"
        )
    return stage


class ChainProcessor:
    """Passes each batch through the stages; a record leaves where a stage says so."""

    def __init__(
        self,
        stages: Sequence[Stage],
        resources: Resources,
        *,
        success: Topic | None = None,
        worker: str = "",
    ) -> None:
        self.stages = tuple(stages)
        self._resources = resources
        # By its logical name: what a processor publishes is named for the broker where it is sent.
        self._success = success.name if success else None
        self._worker = worker
        self._opened: list[Stage] = []

    async def open(self) -> None:
        """Open the stages in their order."""
        for number, stage in enumerate(self.stages, start=1):
            self._opened.append(stage)
            try:
                await stage.open(self._resources)
            except Exception as error:
                self._say_where(error, number)
                raise

    def decode(self, record: Record) -> dict[str, Any]:
        """Return the JSON object in *record*.

        Raises:
            DecodeError: It holds none.
        """
        try:
            message = msgspec.json.decode(record.value or b"")
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise DecodeError(f"the value is not JSON: {why(error)}") from error
        if not isinstance(message, dict):
            raise DecodeError(f"the value is a JSON {type(message).__name__}, not an object")
        return message

    async def process(self, batch: Sequence[Received[dict[str, Any]]]) -> Sequence[Outcome]:
        """Run the chain and return what became of each record."""
        items = [Item(each.record, each.message, dict(each.message)) for each in batch]
        for number, stage in enumerate(self.stages, start=1):
            going = [item for item in items if item.outcome is None]
            if not going:
                break
            try:
                await stage.process(going)
            except BaseException as error:  # noqa: BLE001 - what a stage raises is its records' outcome
                await self._failed(going, as_failure(error), number)
            for item in going:
                if isinstance(item.outcome, (Dead, Retry)):
                    self._say_where(item.outcome.error, number)
        return [self._outcome_of(item) for item in items]

    async def _failed(self, items: Sequence[Item], error: Exception, number: int) -> None:
        """Give each of *items*, which a stage failed on together, an outcome of its own.

        Tried alone, a record begins at the first stage: what the batch has left half done in
        its data is not known. What was reported stays.
        """
        self._say_where(error, number)

        async def alone(at: int) -> Outcome:
            received = Received(items[at].record, items[at].message)
            (outcome,) = await self.process([received])
            return outcome

        outcomes = await each_alone(
            self._worker or "unnamed", len(items), error, alone, self._resources.clock
        )
        for item, outcome in zip(items, outcomes, strict=True):
            item.outcome = outcome
            item.reports += outcome.reports

    def assigned(self) -> None:
        """Tell the stages that want to know that the worker owns other partitions now."""
        for stage in self.stages:
            if isinstance(stage, FollowsAssignment):
                stage.assigned()

    async def close(self) -> None:
        """Close the stages in the reverse order."""
        while self._opened:
            await self._opened.pop().close()

    def _outcome_of(self, item: Item) -> Outcome:
        """Return what became of a record, at the end of the chain or where it left it."""
        if item.outcome is None and item.unfinished is None and self._success is not None:
            message = msgspec.json.encode(
                {"worker_name": self._worker, "enriched_data": item.data}, enc_hook=str
            )
            item.confirm.append(OutRecord(self._success, message, item.record.key))
        return outcome_of(item)

    def _say_where(self, error: BaseException, number: int) -> None:
        """Add to the traceback of *error* which stage of which worker it comes from."""
        stage = type(self.stages[number - 1]).__name__
        said = f"in stage {number} ({stage}) of worker {self._worker or 'unnamed'}"
        if said not in getattr(error, "__notes__", ()):
            error.add_note(said)


def outcome_of(item: Item) -> Outcome:
    """Return what became of a record, at the end of the chain or where it left it.

    A record that goes round in a circle, from plugin to plugin, is dead.
    """
    rows, reports = tuple(item.rows), tuple(item.reports)
    if item.outcome is not None:
        return evolve(item.outcome, reports=reports) if reports else item.outcome
    if item.unfinished is not None:
        return failure(item.unfinished, rows=rows, reports=reports)
    if not item.publish and not item.confirm:
        return Done(rows=rows, reports=reports)
    hops = hops_of(item.record) + 1
    if hops > MOST_HOPS:
        reason = f"{MOST_HOPS} messages of plugins led here, so they go round in a circle"
        return Dead(RecordError(reason), reports=reports)
    led = (HOPS, str(hops).encode())
    return Done(
        tuple(evolve(record, headers=(*record.headers, led)) for record in item.publish),
        rows,
        tuple(evolve(record, headers=(*record.headers, led)) for record in item.confirm),
        reports=reports,
    )
