"""A member of a Kafka consumer group whose every commit is fenced.

Kafka accepts a late commit of a member that lost a partition and got it back (aiokafka
0.14 sends it with the new generation), so every assignment has an epoch of our own and a
commit counts only while that epoch is current.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka import errors as kafka_errors
from attrs import define, field

from claimx_pipeline.broker.kafka.client import (
    ISOLATION,
    TEAR_DOWN_SECONDS,
    KafkaConnection,
    retrieved,
    stop_consumer,
)
from claimx_pipeline.broker.kafka.offsets import require_offsets
from claimx_pipeline.broker.kafka.unreadable import UNREADABLE, PositionTracker
from claimx_pipeline.broker.naming import describe
from claimx_pipeline.broker.protocol import Assignment, OnRevoked, PolledBatch
from claimx_pipeline.errors import BrokerError, FencedError, UnknownTopicError

POLL_GRACE_SECONDS = 0.05
"""``getmany`` ignores its own timeout while the group rebalances."""
MOST_HEARTBEAT_SECONDS = 3.0
REVOKE_SHARE = 0.6
"""Share of the rebalance that ``on_revoked`` may take, so that the rejoin still fits in."""

_log = logging.getLogger(__name__)


@define(eq=False)
class KafkaConsumer:
    """Reads topics as a member of a group.

    aiokafka does not report an unavailable server: ``getmany`` returns nothing for ever.
    A member that heard nothing for ``deadline_seconds`` is therefore replaced.
    """

    _connection: KafkaConnection
    _group: str
    _topics: tuple[str, ...]
    _on_revoked: OnRevoked | None = None
    _client: Any = field(default=None, init=False)
    _owned: dict[TopicPartition, Assignment] = field(factory=dict, init=False)
    _positions: PositionTracker = field(factory=PositionTracker, init=False)
    _joined: bool = field(default=False, init=False)
    _epochs: itertools.count[int] = field(factory=lambda: itertools.count(1), init=False)
    _commits: set[asyncio.Future[None]] = field(factory=set, init=False)
    _reported_earliest: set[TopicPartition] = field(factory=set, init=False)
    _heard: float = field(default=0.0, init=False)
    _newest_fetch: int = field(default=0, init=False)
    _closed: bool = field(default=False, init=False)

    async def start(self) -> None:
        """Connect and ask to join the group; partitions come later, while polling.

        Raises:
            UnknownTopicError: A topic does not exist.
            BrokerUnavailableError: Kafka does not answer.
        """
        client = AIOKafkaConsumer(**self._options())
        try:
            async with self._connection.starting():
                await client.start()
                self._refuse_missing(await client.topics())
            require_offsets(client)
            # Only now: a join that fails shows in getmany, not as a half-started client.
            client.subscribe(list(self._topics), listener=_Listener(self, client))
        except BaseException:
            await stop_consumer(client)
            raise
        self._client, self._joined = client, False
        self._heard = asyncio.get_running_loop().time()

    async def poll(
        self,
        *,
        max_records: int,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        without: Collection[Assignment] = (),
    ) -> Sequence[PolledBatch]:
        """Return up to *max_records* new records, waiting *timeout* seconds at most.

        Raises:
            BrokerUnavailableError: Kafka has been silent for longer than the deadline;
                the next call joins the group again.
        """
        client = await self._member()
        self._connection.stay_logged_in()
        try:
            async with asyncio.timeout(timeout + POLL_GRACE_SECONDS):
                left = {_topic_partition(each) for each in without}
                polled = await self._positions.getmany(client, timeout, max_records, left)
        except TimeoutError:
            polled = {}
        except UNREADABLE as error:
            return await self._skip_unreadable(client, error)
        except kafka_errors.KafkaError as error:
            await self._drop(client)
            raise self._connection.translated(error) from error
        if not polled and without:
            return []
        if not polled:
            await self._check_alive(client)
            await self._commit_marks(client)
            return []
        if not polled.keys() <= self._owned.keys():
            # Positions have moved past these records, so only a new start reads them again.
            await self._drop(client)
            return []
        self._heard = asyncio.get_running_loop().time()
        self._positions.handed_out(polled)
        return [PolledBatch(self._owned[at], records) for at, records in polled.items()]

    async def _skip_unreadable(self, client: Any, error: Exception) -> Sequence[PolledBatch]:
        """Return what cannot be read as one record each, and continue after it.

        Raises:
            BrokerUnavailableError: It could be read just now, or Kafka does not answer.
        """
        assignments = dict(self._owned)
        async with self._connection.answering():
            found = await self._positions.skip_unreadable(client, tuple(assignments))
        if found is None:
            raise self._connection.unreadable(error) from error
        return [
            PolledBatch(assignments[partition], [records])
            for partition, records in found.items()
            if self._is_current(assignments[partition])
        ]

    async def commit(self, positions: Mapping[Assignment, int]) -> None:
        """Store the next offset to read of each partition.

        Raises:
            FencedError: One of the assignments is not current any more.
            BrokerUnavailableError: No answer within the deadline; what was stored is
                unknown, and the next ``poll`` joins the group again.
        """
        current = {a: offset for a, offset in positions.items() if self._is_current(a)}
        if current:
            await self._commit(current)
        self._refuse_stale(positions)

    def assignments(self) -> frozenset[Assignment]:
        """Return the partitions owned now."""
        return frozenset(self._owned.values())

    def pause(self, assignments: Iterable[Assignment]) -> None:
        """Stop returning records of these partitions; those not owned now are left out."""
        if partitions := [_topic_partition(a) for a in assignments if self._is_current(a)]:
            self._client.pause(*partitions)

    def resume(self, assignments: Iterable[Assignment]) -> None:
        """Return records of these partitions again."""
        if partitions := [_topic_partition(a) for a in assignments if self._is_current(a)]:
            self._client.resume(*partitions)

    async def close(self) -> None:
        """Leave the group; does nothing the second time."""
        self._closed = True
        client, self._client = self._client, None
        self._owned.clear()
        if client is not None:
            await stop_consumer(client)
        await self._connection.rest()

    def _options(self) -> dict[str, Any]:
        seconds = self._connection.settings.kafka.session_timeout_seconds
        return {
            **self._connection.options(),
            "group_id": self._group,
            "enable_auto_commit": False,
            "auto_offset_reset": "earliest",
            "isolation_level": ISOLATION,
            "session_timeout_ms": round(seconds * 1000),
            "rebalance_timeout_ms": round(seconds * 1000),
            "heartbeat_interval_ms": round(min(MOST_HEARTBEAT_SECONDS, seconds / 10) * 1000),
        }

    def _refuse_missing(self, existing: Collection[str]) -> None:
        for topic in self._topics:
            if topic not in existing:
                raise UnknownTopicError(topic)

    async def _member(self) -> Any:
        if self._closed:
            raise BrokerError("the consumer is closed")
        if self._client is None:
            await self.start()
        return self._client

    async def _drop(self, client: Any) -> None:
        if self._client is client:
            self._client = None
            self._forget_partitions()
        await stop_consumer(client, TEAR_DOWN_SECONDS)

    async def _check_alive(self, client: Any) -> None:
        """Replace *client* if nothing was heard of Kafka for too long."""
        now = asyncio.get_running_loop().time()
        limit = self._connection.deadline
        if not self._joined:
            limit += self._connection.settings.kafka.session_timeout_seconds
        else:
            reading = client.assignment() - client.paused()
            newest = max((client.last_poll_timestamp(at) or 0 for at in reading), default=0)
            if newest != self._newest_fetch or not reading:
                self._newest_fetch, self._heard = newest, now
        if now - self._heard > limit:
            await self._drop(client)
            raise self._connection.silent(limit)

    async def _commit_marks(self, client: Any) -> None:
        """Commit past marks that follow what is committed, so that they are not taken for records.

        Raises:
            BrokerUnavailableError: No answer within the deadline.
        """
        marks = self._positions.uncommitted_marks(client)
        if owned := {self._owned[at]: after for at, after in marks.items() if at in self._owned}:
            with contextlib.suppress(FencedError):  # the new owner passes them
                await self._commit(owned)

    async def _commit(self, current: Mapping[Assignment, int]) -> None:
        client = self._client
        positions = {_topic_partition(a): offset for a, offset in current.items()}
        offsets = {
            at: self._positions.after_marks(client, at, offset) for at, offset in positions.items()
        }
        # A task, so that it ends when the partitions are revoked, not only when we are cancelled.
        commit = asyncio.ensure_future(client.commit(offsets))
        self._commits.add(commit)
        try:
            done, _ = await asyncio.wait({commit}, timeout=self._connection.deadline)
            if not done:
                # It ends with the client; cancelled earlier, the request it shields would
                # be left alone with its error.
                self._commits.discard(commit)
                commit.add_done_callback(retrieved)
                await self._drop(client)
                raise self._connection.silent(self._connection.deadline)
            if commit.cancelled():
                self._refuse_stale(current)
            commit.result()
            self._positions.committed(offsets)
        except (kafka_errors.IllegalStateError, kafka_errors.CommitFailedError) as error:
            lost = next(iter(current))
            raise FencedError(lost.topic, lost.partition) from error
        except (kafka_errors.KafkaError, OSError) as error:
            raise self._connection.translated(error) from error
        finally:
            self._commits.discard(commit)
            commit.cancel()

    def _is_current(self, assignment: Assignment) -> bool:
        return self._owned.get(_topic_partition(assignment)) == assignment

    def _refuse_stale(self, positions: Iterable[Assignment]) -> None:
        for assignment in positions:
            if not self._is_current(assignment):
                raise FencedError(assignment.topic, assignment.partition)

    def _forget_partitions(self) -> None:
        """Forget all partitions, and cancel commits under way.

        aiokafka repeats a failed commit with whatever generation is current by then.
        """
        self._owned.clear()
        self._positions.forget()
        self._joined = False
        for commit in self._commits:
            commit.cancel()

    async def _revoke(self) -> None:
        owned = tuple(self._owned.values())
        limit = self._connection.settings.kafka.session_timeout_seconds * REVOKE_SHARE
        try:
            if owned and self._on_revoked is not None:
                async with asyncio.timeout(limit):
                    await self._on_revoked(owned)
        except TimeoutError:
            _log.warning("group %s: revoking %s took too long", self._group, describe(owned))
        except Exception:  # noqa: BLE001 - whatever failed, the partitions are revoked
            _log.exception("group %s: revoking %s failed", self._group, describe(owned))
        finally:
            self._forget_partitions()
            self._heard = asyncio.get_running_loop().time()

    async def _assign(self, client: Any, partitions: Iterable[TopicPartition]) -> None:
        # No await before this is complete: records of the new assignment must find it.
        self._owned = {
            at: Assignment(at.topic, at.partition, next(self._epochs)) for at in sorted(partitions)
        }
        self._positions.forget()
        self._joined = True
        self._heard = asyncio.get_running_loop().time()
        _log.info("group %s owns %s", self._group, describe(self._owned))
        await self._report_earliest(client)

    async def _report_earliest(self, client: Any) -> None:
        unknown = [at for at in self._owned if at not in self._reported_earliest]
        try:
            async with self._connection.answering():
                offsets = await asyncio.gather(*(client.committed(at) for at in unknown))
        except BrokerError as error:
            _log.warning("group %s: its offsets cannot be read: %s", self._group, error)
            return
        fresh = [at for at, offset in zip(unknown, offsets, strict=True) if offset is None]
        self._reported_earliest.update(unknown)
        if fresh:
            _log.info(
                "group %s has no offset for %s and starts at the earliest record",
                self._group,
                describe(fresh),
            )


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """Passes on what concerns the current client; a dropped one may still call."""

    def __init__(self, consumer: KafkaConsumer, client: Any) -> None:
        self._consumer = consumer
        self._client = client

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - always all there is
        """Revoke all partitions before the group rebalances."""
        if self._consumer._client is self._client:  # noqa: SLF001 - one class in two parts
            await self._consumer._revoke()  # noqa: SLF001

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Take over *assigned*."""
        if self._consumer._client is self._client:  # noqa: SLF001
            await self._consumer._assign(self._client, assigned)  # noqa: SLF001


def _topic_partition(assignment: Assignment) -> TopicPartition:
    return TopicPartition(assignment.topic, assignment.partition)
