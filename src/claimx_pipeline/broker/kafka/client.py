"""What all of our Kafka clients share: where to connect, deadlines, errors, closing.

aiokafka waits for ever in several calls when a server is unavailable (0.14: ``commit``,
``stop``, the idempotent producer), so nothing of it is awaited without a limit here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import cached_property
from typing import Any

from aiokafka import errors as kafka_errors
from attrs import frozen

from claimx_pipeline.broker.kafka.diagnosis import why_refused
from claimx_pipeline.broker.kafka.login import TokenLogin
from claimx_pipeline.broker.kafka.security import OAUTHBEARER, check_security
from claimx_pipeline.broker.url import kafka_hosts
from claimx_pipeline.errors import (
    BrokerError,
    BrokerUnavailableError,
    ClaimxError,
)
from claimx_pipeline.settings.tree.broker import BrokerSettings

START_SECONDS = 10.0
"""How long a first connection may take, if ``deadline_seconds`` is not shorter."""
STOP_SECONDS = 5.0
"""How long a client may take to disconnect before it is torn down."""
TEAR_DOWN_SECONDS = 1.0
"""How long each step may take of closing a client whose server is known to be unavailable."""
IDLE_MILLISECONDS = 180_000
"""Azure drops connections idle for 240 s.

https://learn.microsoft.com/azure/event-hubs/apache-kafka-configurations
"""

ISOLATION = "read_committed"
"""Of every reader: what a transaction did not commit, or has not yet, is not a record. aiokafka
reads all of it unless it is asked not to."""

LOST_TRACK = (
    kafka_errors.OutOfOrderSequenceNumber,
    kafka_errors.InvalidProducerEpoch,
    kafka_errors.ProducerFenced,
    kafka_errors.ProducerClosed,
)
"""Errors an idempotent producer never recovers from (aiokafka#1017)."""

LOGGED_OUT = (
    kafka_errors.IllegalSaslStateError,
    kafka_errors.SaslAuthenticationFailed,
    kafka_errors.AuthenticationFailedError,
)
"""Errors of a connection whose login failed: the next one logs in with what is good then."""

_COORDINATOR_TASKS = ("_coordination_task", "_heartbeat_task", "_commit_refresh_task")

_log = logging.getLogger(__name__)


@frozen
class KafkaConnection:
    """Where Kafka is and how to talk to it."""

    hosts: tuple[str, ...]
    settings: BrokerSettings
    ssl_context: ssl.SSLContext | None

    @classmethod
    def of(cls, url: str, settings: BrokerSettings) -> KafkaConnection:
        """Return the connection that *url* and *settings* describe.

        Raises:
            SettingsError: They do not fit together, or a file that they name cannot be used.
        """
        return cls(kafka_hosts(url), settings, check_security(settings.kafka))

    @cached_property
    def login(self) -> TokenLogin | None:
        """Where access tokens come from; None if the client logs in without."""
        kafka = self.settings.kafka
        wanted = kafka.security_protocol.startswith("SASL")
        if not wanted or kafka.sasl_mechanism != OAUTHBEARER:
            return None
        return TokenLogin(kafka.oauth, self.settings.deadline_seconds)

    @property
    def name(self) -> str:
        """Where Kafka is, for people."""
        return f"Kafka at {','.join(self.hosts)}"

    @property
    def deadline(self) -> float:
        """Seconds that any answer may take."""
        return self.settings.deadline_seconds

    def options(self) -> dict[str, Any]:
        """Return the arguments that every aiokafka client takes."""
        kafka = self.settings.kafka
        slowest = max(self.settings.deadline_seconds, kafka.session_timeout_seconds)
        return {
            "bootstrap_servers": list(self.hosts),
            "security_protocol": kafka.security_protocol,
            "ssl_context": self.ssl_context,
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": kafka.password.reveal() if kafka.password else None,
            "sasl_oauth_token_provider": self.login,
            # A join is answered only when the whole group has joined, so this is longer
            # than the rebalance may take; our own deadlines are what counts.
            "request_timeout_ms": round((slowest + 5) * 1000),
            "connections_max_idle_ms": IDLE_MILLISECONDS,
            "metadata_max_age_ms": IDLE_MILLISECONDS,
        }

    @contextlib.asynccontextmanager
    async def answering(self, seconds: float | None = None) -> AsyncIterator[None]:
        """Set a deadline for what is awaited inside, and translate its errors.

        Raises:
            BrokerUnavailableError: No answer within *seconds*.
            BrokerError: Kafka refused what was asked.
        """
        limit = self.deadline if seconds is None else seconds
        try:
            async with asyncio.timeout(limit):
                yield
        except TimeoutError as error:
            raise self.silent(limit) from error
        except (kafka_errors.KafkaError, OSError) as error:
            raise self.translated(error) from error

    @contextlib.asynccontextmanager
    async def starting(self) -> AsyncIterator[None]:
        """Do as ``answering`` for a first connection, which is to fail soon and to say why.

        Raises:
            BrokerUnavailableError: No answer, or no login.
            BrokerError: Kafka refused what was asked.
        """
        # aiokafka 0.14 takes a refused token for a login and then waits for ever.
        if self.login is not None and (reason := await self._why_refused()) is not None:
            raise BrokerUnavailableError(reason)
        try:
            async with self.answering(min(START_SECONDS, self.deadline)):
                yield
        except BrokerUnavailableError as error:
            if (reason := await self._why_refused()) is None:
                raise
            raise BrokerUnavailableError(reason) from error

    async def _why_refused(self) -> str | None:
        """Return why login or encryption failed; None if neither did."""
        kafka = self.settings.kafka
        if kafka.security_protocol == "PLAINTEXT":
            return None
        why = await why_refused(self.hosts, self.options(), kafka, self.login)
        return self._no_token or (why and f"{self.name} {why}")

    @property
    def _no_token(self) -> str | None:
        """Say that no access token can be had; None if one could."""
        if self.login is None or not self.login.failure:
            return None
        return f"{self.name} cannot be logged in to: {self.login.failure}"

    def stay_logged_in(self) -> None:
        """See that there is a good access token for the next connection; never waits."""
        if self.login is not None:
            self.login.renew_early()

    async def rest(self) -> None:
        """Stop what goes on beside the clients; they may go on."""
        if self.login is not None:
            await self.login.close()

    def silent(self, seconds: float) -> BrokerUnavailableError:
        """Return the error of a Kafka that did not answer for *seconds*."""
        return BrokerUnavailableError(
            self._no_token
            or f"{self.name} did not answer within {seconds:g} s; "
            "check that it runs and that broker.url is right"
        )

    def unreadable(self, error: Exception) -> BrokerUnavailableError:
        """Return the error of records that could not be read once, and can be now."""
        return BrokerUnavailableError(
            f"{self.name} sent what could not be read ({_text(error)}); it is asked again"
        )

    def translated(self, error: kafka_errors.KafkaError | OSError) -> ClaimxError:
        """Return our error for one of aiokafka's."""
        if isinstance(error, kafka_errors.KafkaConnectionError | OSError):
            return BrokerUnavailableError(
                self._no_token
                or f"{self.name} cannot be reached; check that it runs, that broker.url is right "
                "and that broker.kafka has the security it asks for"
            )
        if isinstance(error, LOST_TRACK):
            return BrokerUnavailableError(
                f"{self.name} and a producer lost track of each other ({_text(error)}); "
                "the next attempt uses a new producer"
            )
        if isinstance(error, LOGGED_OUT):
            return BrokerUnavailableError(
                f"{self.name} refused a login ({_text(error)}); the next attempt logs in again"
            )
        # aiokafka says the bare class when none of its connections works any more.
        bare = type(error) is kafka_errors.KafkaError
        if bare or isinstance(error, kafka_errors.KafkaTimeoutError) or error.retriable:
            return BrokerUnavailableError(f"{self.name} is not ready: {_text(error)}")
        return BrokerError(f"{self.name} refused: {_text(error)}")


async def stopped(stop: Callable[[], Awaitable[None]], seconds: float = STOP_SECONDS) -> bool:
    """Run *stop* in a task of its own and return whether it ended within *seconds*.

    A task of its own, because aiokafka's ``stop`` may raise a stray ``CancelledError``
    when the server is unavailable (aiokafka#647), which must not look like a cancellation of ours.
    """
    task = asyncio.ensure_future(stop())
    done, _ = await asyncio.wait({task}, timeout=seconds)
    if not done:
        await cancelled([task])
        return False
    if not task.cancelled() and (error := task.exception()) is not None:
        _log.warning("closing a Kafka client failed: %r", error)
    return True


async def cancelled(tasks: Iterable[asyncio.Future[Any] | None]) -> None:
    """Cancel *tasks* and wait a moment for them to end."""
    alive = {task for task in tasks if task is not None and not task.done()}
    for task in alive:
        task.cancel()
    if alive:
        await asyncio.wait(alive, timeout=TEAR_DOWN_SECONDS)


async def stop_consumer(client: Any, seconds: float = STOP_SECONDS) -> None:
    """Stop a consumer; if its server is unavailable, tear it down (aiokafka 0.14 offers no way)."""
    if await stopped(client.stop, seconds):
        return
    coordinator, fetcher = client._coordinator, client._fetcher  # noqa: SLF001
    await cancelled(
        [
            *(getattr(coordinator, name, None) for name in _COORDINATOR_TASKS),
            getattr(fetcher, "_fetch_task", None),
            *getattr(fetcher, "_pending_tasks", ()),
        ]
    )
    await stopped(client._client.close, TEAR_DOWN_SECONDS)  # noqa: SLF001


def retrieved(future: asyncio.Future[Any]) -> None:
    """Retrieve the exception of *future*, which is not awaited any more."""
    if not future.cancelled():
        future.exception()


def _text(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


async def know_leaders(reader: Any, topic: str) -> None:
    """Let a reader that is a member of no group learn who leads the partitions of *topic*.

    Its first look for their offsets would find no leader and sleep for 100 ms.
    """
    client = reader._client  # noqa: SLF001 - aiokafka offers no other way
    if client.cluster.partitions_for_topic(topic) is None:
        await client.add_topic(topic)
