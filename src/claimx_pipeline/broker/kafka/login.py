"""Access tokens for OAUTHBEARER, as aiokafka wants them.

aiokafka asks for a token whenever it connects and never re-authenticates: a broker with
``connections.max.reauth.ms`` closes a connection at the end of its session, and the next one
logs in with the token of that moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from aiokafka import errors as kafka_errors
from aiokafka.abc import AbstractTokenProvider
from attrs import define, field

from claimx_pipeline.clock import Clock, SystemClock, doubled
from claimx_pipeline.connections.answer import Answer, RequestFailedError
from claimx_pipeline.connections.oauth2 import OAuth2Token, token_service_settings
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.settings.tree.broker import KafkaOAuthSettings
from claimx_pipeline.settings.tree.connections import ConnectionSettings, OAuth2Settings

if TYPE_CHECKING:
    pass

SECTION = "broker.kafka.oauth"

MOST_SECONDS = 5.0
"""A request for a token takes no longer, so that its failure is what a start reports."""
PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 8.0
"""After a token that could not be had; aiokafka would ask for it ten times a second."""

_PASSING = frozenset({Category.TRANSIENT, Category.THROTTLED})


_HINTS = {
    None: "check broker.kafka.oauth",
    True: "check broker.kafka.oauth.client_id, client_secret and scope",
    False: "check that broker.kafka.oauth.token_url is right and its service runs",
}
"""What to do, by whether the token service refused."""


@define(eq=False)
class _Issuer:
    """Asks the token service, over a connection that is closed afterwards.

    Tokens are asked for once in minutes, and those who need them are closed in any order.
    """

    settings: ConnectionSettings
    refused: bool | None = field(default=None, init=False)
    """Whether the service said no when it was last asked; None if it was not asked."""

    async def request(
        self, method: str, path: str, *, form: Mapping[str, str], repeatable: bool
    ) -> Answer:
        """Send a form; see ``Connection.request``."""
        from claimx_pipeline.connections.client import Connection  # noqa: PLC0415 - slow to import

        self.refused = None
        connection = Connection(SECTION, self.settings, SystemClock(), setting=SECTION)
        try:
            answer = await connection.request(method, path, form=form, repeatable=repeatable)
        except RecordError as error:
            self.refused = error.category not in _PASSING
            raise
        finally:
            await connection.close()
        return answer

    async def close(self) -> None:
        """Nothing stays open."""


class TokenLogin(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """The access token of one Kafka, shared by all of its clients of one event loop."""

    failure: str = ""
    """Why no token could be had when one was last needed; empty if one could."""

    def __init__(self, settings: KafkaOAuthSettings, deadline: float) -> None:
        """Remember who asks for tokens, and where; connects to nothing.

        Args:
            settings: Checked by ``login_problems``.
            deadline: Seconds that a client of Kafka waits to be connected.
        """
        oauth2 = OAuth2Settings(
            client_id=settings.client_id or "",
            client_secret=settings.client_secret,
            client_secret_file=settings.client_secret_file,
            token_url=settings.token_url or "",
            scope=settings.scope,
        )
        seconds = min(MOST_SECONDS, deadline / 2)
        service = ConnectionSettings(
            base_url=oauth2.token_url,
            timeout_seconds=seconds,
            connect_timeout_seconds=seconds,
            max_retries=0,
            breaker_failures=0,
            network=settings.network,
        )
        self._issuer = _Issuer(token_service_settings(service, oauth2))
        self._clock: Clock = SystemClock()
        self._token = OAuth2Token(
            SECTION,
            oauth2,
            self._issuer,
            self._clock,
            owner=f"client {oauth2.client_id!r}",
        )
        self._extensions = dict(settings.extensions)
        self._failures, self._again_at = 0, 0.0

    async def token(self) -> str:
        """Return a token that does not end soon, so that what logs in with it stays for long.

        Raises:
            KafkaConnectionError: None can be had; ``failure`` says why.
        """
        if not self._token.is_good and self._clock.monotonic() < self._again_at:
            raise kafka_errors.KafkaConnectionError(self.failure)
        try:
            await self._token.fresh()
        except RequestFailedError as error:
            self.failure = f"{error.reason}; {_HINTS[self._issuer.refused]}"
            pause = doubled(PAUSE_SECONDS, self._failures, LONGEST_PAUSE_SECONDS)
            self._failures, self._again_at = self._failures + 1, self._clock.monotonic() + pause
            raise kafka_errors.KafkaConnectionError(self.failure) from None
        self.failure, self._failures = "", 0
        return self._token.token

    def extensions(self) -> dict[str, str]:
        """Return what is sent beside the token."""
        return self._extensions

    def renew_early(self) -> None:
        """Begin to ask for the next token if the one in hand ends soon; for a running client."""
        if self._token.is_good:
            self._token.renew_early()

    def forget(self) -> None:
        """Use another token from now on: Kafka refused this one."""
        self._token.forget()

    async def close(self) -> None:
        """Stop asking; the next client that connects asks again."""
        await self._token.close()
