"""Every error the pipeline raises on purpose, and how each is to be treated.

The text of an error starts in lower case, has no full stop, says what is wrong
and, after a semicolon, what to do. Whether a failed record is worth another try
is decided by ``Category``, never by the text.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager

from attrs import define, field


class Category(enum.Enum):
    """What kind of failure a record met; decides whether trying again can help."""

    TRANSIENT = "transient"
    """Passes by itself: a timeout, a 5xx, a lost connection."""
    PERMANENT = "permanent"
    """Never passes: the record itself is wrong, or the other side refuses it."""
    AUTH = "auth"
    """A credential is refused; every record would fail the same way."""
    THROTTLED = "throttled"
    """The other side asks for patience (429)."""
    CIRCUIT_OPEN = "circuit_open"
    """The breaker is open, nothing was sent."""
    BUG = "bug"
    """An unexpected exception: a defect of the pipeline or of a plugin."""


OUTAGES = frozenset({Category.AUTH, Category.THROTTLED, Category.CIRCUIT_OPEN})
"""Failures of something that every record needs; they say nothing about the record."""


class ClaimxError(Exception):
    """Base of all errors below; its text is shown to the user as it is."""


@define
class Problem:
    """One thing wrong with the settings."""

    where: str
    """File, line and dotted path, or the name of the variable or option."""
    what: str
    """What is wrong and what to do."""
    missing: bool = field(default=False, kw_only=True, eq=False, repr=False)
    """Whether nothing is wrong but something is not given here: a variable, an address, a
    credential. ``claimx-run config check`` warns of it unless the workers that need it are
    named."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


class SettingsError(ClaimxError):
    """The settings cannot be used; carries every problem found, not only the first."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(tuple(problems))
        self.problems = tuple(problems)

    def __str__(self) -> str:
        if len(self.problems) == 1:
            return str(self.problems[0])
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"the settings have {len(self.problems)} problems:\n{lines}"


def problems_of(error: ClaimxError, where: str = "") -> list[Problem]:
    """Return what *error* says as problems; *where* holds for one that names no setting."""
    if isinstance(error, SettingsError):
        return list(error.problems)
    return [Problem(where, str(error))]


@define
class Refusals:
    """What is wrong with the parts of a pipeline: raised at once, or collected for a check."""

    collects: bool = False
    """Whether what is refused is collected, and not raised at once."""
    found: list[tuple[str, ClaimxError]] = field(factory=list)
    """Where each was found, and what it says."""

    @contextmanager
    def of(self, where: str = "") -> Iterator[None]:
        """Note what the block raises instead of ending, if this collects.

        Args:
            where: Plugin or setting that an error without one is of.
        """
        try:
            yield
        except ClaimxError as error:
            if not self.collects:
                raise
            self.found.append((where, error))

    @property
    def problems(self) -> list[Problem]:
        """What was found, each once."""
        every = [each for where, error in self.found for each in problems_of(error, where)]
        return list({str(each): each for each in every}.values())

    def add(self, problems: Iterable[Problem]) -> None:
        """Raise *problems*, or note them if this collects.

        Raises:
            SettingsError: There are some.
        """
        if problems := list(problems):
            with self.of():
                raise SettingsError(problems)

    def raise_found(self) -> None:
        """Raise what was found: the error itself if it is a single one.

        Raises:
            ClaimxError: Something was found.
        """
        if len(self.found) == 1:
            raise self.found[0][1]
        if self.found:
            raise SettingsError(self.problems)


@contextmanager
def collecting(problems: list[Problem]) -> Iterator[None]:
    """Add what a ``SettingsError`` says to *problems* instead of ending."""
    try:
        yield
    except SettingsError as error:
        problems += error.problems


class UsageError(ClaimxError):
    """What was asked for cannot be done as asked; exit code 2."""


@define
class PluginLoadError(ClaimxError):
    """An installed plugin cannot be used."""

    plugin: str
    """Name of the plugin."""
    origin: str
    """Where it was found."""
    reason: str
    """Why it cannot be loaded."""

    def __str__(self) -> str:
        return (
            f"plugin {self.plugin!r} ({self.origin}) cannot be loaded: {self.reason}; "
            f"repair it, or set plugins.{self.plugin}.enabled: false"
        )


@define
class HookFailedError(ClaimxError):
    """A plugin's implementation of a hook raised."""

    plugin: str
    hook: str
    reason: str
    category: Category = Category.BUG
    """Whether another try may help: what it raised says so, or its answer."""
    retry_after: float | None = None
    """Seconds to wait at least before the next try."""
    outage: bool = False
    """A service that it needs is unavailable, whatever the event."""

    def __str__(self) -> str:
        return f"plugin {self.plugin!r} failed in {self.hook}: {self.reason}"


class BrokerError(ClaimxError):
    """The broker did not do what was asked; what was sent may or may not be stored."""


class BrokerUnavailableError(BrokerError):
    """The broker did not answer within the deadline."""


@define
class UnknownTopicError(BrokerError):
    """A topic does not exist."""

    topic: str
    """The topic that does not exist."""

    def __str__(self) -> str:
        return f"topic {self.topic!r} does not exist; create it with 'claimx-run topics create'"


@define
class RecordTooLargeError(BrokerError):
    """A record is larger than the broker takes."""

    topic: str
    """The topic it was meant for."""
    index: int
    """Its index among the records that were to be published, from 0."""
    size: int
    """Bytes."""
    limit: int | None
    """Bytes; None if the broker does not say."""
    left: tuple[int, ...] | None = None
    """Indices of the records not published, this one among them; None if none was published."""
    remedy: str = "raise broker.max_record_bytes and, on Kafka, the topic's max.message.bytes"
    """What to do about it."""

    def __str__(self) -> str:
        limit = "more than the broker takes" if self.limit is None else f"the limit is {self.limit}"
        return f"a record for topic {self.topic!r} has {self.size} bytes and {limit}; {self.remedy}"


@define
class FencedError(BrokerError):
    """A partition was lost to another member; what was asked of it is refused."""

    topic: str
    """The topic."""
    partition: int
    """The partition that is another member's now."""

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}] is no longer owned by this worker"


@define
class DeadLetterError(ClaimxError):
    """A dead letter cannot be found, stored or replayed."""

    location: str
    """``topic/partition/offset`` of the dead letter, or of the record behind it."""
    reason: str

    def __str__(self) -> str:
        return f"dead letter {self.location}: {self.reason}"


@define
class TableError(ClaimxError):
    """A table cannot be opened, created or written."""

    table: str
    reason: str

    def __str__(self) -> str:
        return f"table {self.table!r}: {self.reason}"


class UnknownTableError(TableError, UsageError):
    """A table is named that nothing declares; exit code 2."""


@define
class RecordError(ClaimxError):
    """One record failed; ``category`` says whether another try can help."""

    reason: str
    """What is wrong, in one sentence."""
    category: Category = Category.PERMANENT
    """Whether another try can help."""
    retry_after: float | None = None
    """Seconds the other side asked to wait."""
    outage: bool = False
    """The service failed, whatever the record: others would fail as well."""

    def __str__(self) -> str:
        return self.reason


class TransientError(RecordError):
    """Passes by itself: raise it where another try may help, such as for a service of your own."""

    def __init__(self, reason: str, retry_after: float | None = None) -> None:
        """Say what failed.

        Args:
            reason: What, in one sentence.
            retry_after: Seconds to wait at least before the next try.
        """
        super().__init__(reason, Category.TRANSIENT, retry_after)


class DecodeError(RecordError):
    """The bytes of a record are not the message they should be."""


_KNOWN = (RecordError, HookFailedError)
"""Errors that say what kind of failure they are."""


def category_of(error: BaseException) -> Category:
    """Return the category of *error*; an unexpected one is a bug."""
    if isinstance(error, RecordTooLargeError):
        return Category.PERMANENT
    return error.category if isinstance(error, _KNOWN) else Category.BUG


def is_outage(error: BaseException) -> bool:
    """Return whether *error* is of something that every record needs, and not of its record.

    The one vocabulary for services, brokers, tables and stores: who meets a failure says by
    ``category`` and ``outage`` what it was, by type and code and never by a text.
    """
    if isinstance(error, BrokerUnavailableError):
        return True
    return isinstance(error, _KNOWN) and (error.outage or error.category in OUTAGES)


def may_pass(error: BaseException) -> bool:
    """Return whether what *error* is about passes by itself, so that another try may help."""
    return is_outage(error) or category_of(error) is Category.TRANSIENT
