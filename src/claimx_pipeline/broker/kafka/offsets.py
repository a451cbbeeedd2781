"""Keeps a consumer from taking an answer without offsets for a group without offsets.

A coordinator that has just started answers a request for offsets without partitions and
with an error beside them (from version 2 of OffsetFetch on). aiokafka 0.14 reads the
partitions only: the member would find nothing committed and begin at the earliest record.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.commit import OffsetFetchRequest

Send = Callable[[Any], Awaitable[Any]]


def require_offsets(client: Any) -> None:
    """Make a started consumer of a group retry such a request; call it before it subscribes."""
    coordinator = client._coordinator  # noqa: SLF001 - aiokafka offers no other way
    send: Send = coordinator._send_req  # noqa: SLF001

    async def checked(request: Any) -> Any:
        answer = await send(request)
        if isinstance(request, OffsetFetchRequest):
            try:
                raise_error(answer)
            except kafka_errors.NotCoordinatorForGroupError:
                coordinator.coordinator_dead()
                raise
        return answer

    coordinator._send_req = checked  # noqa: SLF001


def raise_error(answer: Any) -> None:
    """Raise the error that an answer gives beside its partitions.

    Raises:
        KafkaError: There is one; aiokafka retries the retriable ones.
    """
    error = kafka_errors.for_code(getattr(answer, "error_code", 0))
    if error is not kafka_errors.NoError:
        raise error()


async def group_offsets(
    client: Any, group: str, partitions: Sequence[TopicPartition]
) -> Mapping[TopicPartition, Any]:
    """Return what *group* has committed of each partition; an offset of -1 where it has nothing.

    Raises:
        GroupLoadInProgressError: The answer is not valid: a coordinator that has just started
            leaves out all partitions and gives the error in a field that aiokafka 0.14 does
            not read. Taken for "nothing committed" it would look like a group that was reset.
    """
    found: Mapping[TopicPartition, Any] = await client.list_consumer_group_offsets(
        group, partitions=list(partitions)
    )
    if not found.keys() >= set(partitions):
        raise kafka_errors.GroupLoadInProgressError(group)
    return found
