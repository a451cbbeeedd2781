"""What a stage is: one step of a plugin worker's chain.

A chain is ``transform → validation → lookup → … → sink``. Each stage sees the records
that every stage before it let through, one batch at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.media.codec import FileCodec
from claimx_pipeline.media.messages import DownloadTask
from claimx_pipeline.media.requests import checked
from claimx_pipeline.runtime.correlation import passed_on_by
from claimx_pipeline.runtime.headers import AGAIN, header
from claimx_pipeline.runtime.log_subject import fields_of
from claimx_pipeline.runtime.outcome import Dead, Done, Outcome, Retry, failure
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.runtime.resources import Resources


@define
class Item:
    """One record on its way through a chain; a stage changes it in place."""

    record: Record
    """The record, as the broker gave it."""
    message: Any
    """The message as it was published; not to be changed."""
    data: dict[str, Any]
    """What the stages have made of it so far."""
    rows: list[TableRow] = field(factory=list)
    """Rows to write once every stage has run."""
    publish: list[OutRecord] = field(factory=list)
    """Records to publish before the rows are written."""
    confirm: list[OutRecord] = field(factory=list)
    """Records to publish once the rows are written."""
    reports: list[OutRecord] = field(factory=list)
    """Records to publish whatever becomes of this one: what a stage did, if it failed too."""
    unfinished: Exception | None = None
    """Why the record has to come back, though the chain goes on with what there is.

    Its rows are written; the rest is for the next time.
    """
    outcome: Outcome | None = None
    """Set when a stage is the last for this record: it failed, or is to be skipped."""

    @property
    def again(self) -> bool:
        """Whether an operator asked for it to be done again, even if it was done already."""
        return header(self.record.headers, AGAIN) is not None

    @property
    def passed_on(self) -> tuple[tuple[str, bytes], ...]:
        """Headers of all that its record leads to, for what a stage publishes by itself."""
        return passed_on_by(self.record, BRAND, self.message)

    def log_fields(self) -> Mapping[str, Any]:
        """Return the fields of log lines about its record, for ``extra``."""
        return fields_of(self.record, BRAND, self.message)

    def skip(self, reason: str) -> None:
        """Leave the rest of the chain out; the record is dealt with."""
        self.outcome = Done(skipped=reason)

    def dead(self, error: Exception) -> None:
        """The record can never work."""
        self.outcome = Dead(error)

    def retry(self, error: Exception) -> None:
        """The record failed and another try may help."""
        self.outcome = Retry(error)

    def request_download(self, task: DownloadTask, domain: str = BRAND) -> None:
        """Have a file copied to the object store; see ``EnrichmentContext.request_download``.

        Args:
            task: The file, its key given with the domain's word for it (``key_name``).
            domain: Whose workers fetch it: its hosts and its way to renew links are theirs.

        Raises:
            ValueError: The owner is the domain itself, or a field cannot be.
        """
        codec = FileCodec(task.key_name, domain)
        self.publish.append(codec.task_record(checked(task, domain)))


@frozen
class StageSpec:
    """One link of a chain: which stage, and with which options."""

    type: str
    """Name under which the stage is registered."""
    config: Any
    """Instance of the stage's ``config_class``."""
    origin: str = "the worker's own"
    """Where it was written, for ``claimx-run worker show``."""


class Stage(Protocol):
    """One step of a chain. Made once per worker member from its settings."""

    config_class: ClassVar[type[Any]]
    """attrs class of the stage's options."""

    def __init__(self, config: Any) -> None: ...

    async def open(self, resources: Resources) -> None:
        """Get ready; an error stops the worker's start."""
        ...

    async def process(self, items: Sequence[Item]) -> None:
        """Work on *items*, none of which has an outcome yet.

        An exception that may be one item's has the items tried alone, from the first stage
        on; one that passes by itself is the outcome of all of them. A stage that catches what
        concerns one item only, as ``RecordStage`` does, saves the others the second time.
        """
        ...

    async def close(self) -> None:
        """Release what was opened."""
        ...


@runtime_checkable
class FollowsAssignment(Protocol):
    """A stage that knows things about the partitions that its worker owns."""

    def assigned(self) -> None:
        """Note that other partitions are owned from now on, or the same ones again.

        Called before the first record of a new assignment. Other members may have worked on
        these partitions meanwhile.
        """
        ...


class RecordStage:
    """Base of stages that look at one record at a time: implement ``process_one``."""

    async def open(self, resources: Resources) -> None:
        """Get ready; nothing to do unless a stage overrides this."""

    async def process_one(self, item: Item) -> None:
        """Change ``item.data``, or call ``item.skip``; raise to fail this record alone.

        Raises:
            RecordError: Its category says whether another try can help. Any other
                exception counts as a bug.
        """
        raise NotImplementedError(f"{type(self).__name__} lacks process_one")

    @classmethod
    def does_anything(cls) -> bool:
        """Return whether ``process_one``, or ``process`` itself, is written."""
        written = cls.process_one is not RecordStage.process_one
        return written or cls.process is not RecordStage.process

    async def process(self, items: Sequence[Item]) -> None:
        """Give each item to ``process_one``."""
        for item in items:
            try:
                await self.process_one(item)
            except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
                item.outcome = failure(error)

    async def close(self) -> None:
        """Release what was opened; nothing to do unless a stage overrides this."""
