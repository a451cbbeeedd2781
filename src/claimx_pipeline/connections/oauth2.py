"""Access tokens by OAuth2 client credentials (RFC 6749, 4.4)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from attrs import define, evolve, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, RequestFailedError
from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.connections.credential import clean, read_secret, token_problem
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.settings.tree.connections import ConnectionSettings, OAuth2Settings

logger = logging.getLogger(__name__)

_EARLY_SECONDS: Final = 300.0
"""A token is renewed so long before it ends, or after half its life if that is shorter."""

_USUAL_LIFE_SECONDS: Final = 3600.0
"""Of a token whose answer does not say how long it lives."""

_PAUSE_SECONDS: Final = 15.0
"""After a renewal that failed, while the token in hand is still good."""

_MOST_OF_AN_ANSWER: Final = 1024 * 1024
"""Bytes; a token is a few thousand of them."""


class TokenService(Protocol):
    """The connection to the service that issues tokens."""

    async def request(
        self, method: str, path: str, *, form: Mapping[str, str], repeatable: bool
    ) -> Answer:
        """Send a form; see ``Connection.request``."""
        ...

    async def close(self) -> None:
        """Close it."""
        ...


def token_service_settings(
    settings: ConnectionSettings, oauth2: OAuth2Settings
) -> ConnectionSettings:
    """Return the settings of the connection to the token service of another connection."""
    parts = urlsplit(oauth2.token_url)
    return evolve(
        settings,
        base_url=f"{parts.scheme}://{parts.netloc}",
        # Never sent, as nothing is added to the form; known, so that no error shows it.
        auth_type="none",
        auth_token=oauth2.client_secret,
        auth_token_file=None,
        oauth2=None,
        # The service's own headers are not for the token service.
        headers={},
        probe=None,
        max_answer_bytes=min(settings.max_answer_bytes, _MOST_OF_AN_ANSWER),
    )


@define(eq=False)
class OAuth2Token:
    """The access token of one connection; asked for when it is first needed.

    Renewed before it ends, beside the requests that continue with the old one. However many
    want a token, one request for it is under way.
    """

    name: str
    """Name of the connection, for errors and the log."""
    _settings: OAuth2Settings
    _service: TokenService
    _clock: Clock
    _on_renewal: Callable[[bool], None] = field(default=lambda _: None, kw_only=True)
    """Called after each request for a token, with whether there is one."""
    _owner: str = field(default="", kw_only=True)
    """Who gets the token, for errors and the log; the connection if not given."""
    token: str = field(default="", init=False, repr=False)
    before: str = field(default="", init=False, repr=False)
    _early_at: float = field(default=0.0, init=False)
    _ends_at: float = field(default=0.0, init=False)
    _shared: AnswerCache[None] = field(init=False, repr=False)
    _beside: asyncio.Task[None] | None = field(default=None, init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        # Nothing is kept in it: it lets all who ask at once share one request.
        self._shared = AnswerCache(0, 1, self._clock)
        self._owner = self._owner or f"connection {self.name!r}"

    async def look(self) -> None:
        """See that ``token`` is good; waits only if there is no good one.

        Raises:
            RequestFailedError: None can be had; an outage, whatever the reason.
        """
        if self.is_good:
            self.renew_early()
        else:
            await self._renew()

    async def fresh(self) -> None:
        """Make ``token`` one that does not end soon; if none can be had, the one in hand serves.

        Raises:
            RequestFailedError: None can be had, and there is none that is still good.
        """
        if self.is_good and self._clock.monotonic() < self._early_at:
            return
        good = self.is_good
        try:
            await self._renew()
        except RequestFailedError as error:
            if not good:
                raise
            self._paused(error)

    @property
    def is_good(self) -> bool:
        """Whether there is a token and it has not ended."""
        return bool(self.token) and self._clock.monotonic() < self._ends_at

    def renew_early(self) -> None:
        """Begin to ask for the next token if the one in hand ends soon."""
        due = self._clock.monotonic() >= self._early_at
        if due and (self._beside is None or self._beside.done()):
            self._beside = asyncio.create_task(
                self._renew_beside(), name=f"token of connection {self.name}"
            )

    def forget(self) -> None:
        """Ask for another token when the next one is needed: this one is refused."""
        self._ends_at = 0.0

    async def renewed(self, refused: str) -> bool:
        """Ask for a new token if the one in hand was *refused*; tell if there is another.

        Raises:
            RequestFailedError: None can be had; an outage, whatever the reason.
        """
        if self.token == refused:
            await self._renew()
        return self.token != refused

    async def close(self) -> None:
        """Stop renewing and close the connection to the token service."""
        if self._beside is not None:
            self._beside.cancel()
            await asyncio.gather(self._beside, return_exceptions=True)
        await self._service.close()

    async def _renew(self) -> None:
        await self._shared.get("token", self._fetch)

    async def _renew_beside(self) -> None:
        try:
            await self._renew()
        except RequestFailedError as error:
            self._paused(error)

    def _paused(self, error: RequestFailedError) -> None:
        self._early_at = self._clock.monotonic() + _PAUSE_SECONDS
        logger.warning("%s; the token in hand is used until it ends", error.reason)

    async def _fetch(self) -> None:
        """Ask for a token and keep it."""
        asked_at = self._clock.monotonic()
        secret = ""
        try:
            secret = await secret_of(self._settings)
            path = urlsplit(self._settings.token_url).path
            form = self._form(secret)
            answer = await self._service.request("POST", path, form=form, repeatable=True)
            token, life = _token_in(answer)
        except RecordError as error:
            self._on_renewal(False)
            reason = error.reason.replace(secret, "…") if secret else error.reason
            # Without an answer: it is about the token, and the caller looks for one of its own.
            raise RequestFailedError(
                f"{self._owner} gets no access token: {reason}",
                Category.AUTH,
                retry_after=error.retry_after,
                outage=True,
                connection=self.name,
            ) from None  # its answer may hold the credential
        self._on_renewal(True)
        if token != self.token:
            self.token, self.before = token, self.token
        self._ends_at = asked_at + life
        self._early_at = self._ends_at - min(_EARLY_SECONDS, life / 2)

    def _form(self, secret: str) -> dict[str, str]:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": secret,
        }
        return form | ({"scope": self._settings.scope} if self._settings.scope else {})


async def secret_of(settings: OAuth2Settings) -> str:
    """Return the client's credential, from its file if it is in one.

    Raises:
        RecordError: The file cannot be read, or is empty.
    """
    if settings.client_secret_file is None:
        return clean(settings.client_secret.reveal()) if settings.client_secret else ""
    path = Path(settings.client_secret_file)
    try:
        return await asyncio.to_thread(read_secret, path)
    except ValueError as error:
        raise RecordError(f"client_secret_file {path} {error}") from None


def _token_in(answer: Answer) -> tuple[str, float]:
    """Return the token that *answer* holds and its life in seconds.

    Raises:
        RecordError: It holds none; the text does not quote it.
    """
    try:
        said = answer.json()
    except RecordError:
        said = None
    token = said.get("access_token") if isinstance(said, dict) else None
    if not isinstance(token, str) or (problem := token_problem(clean(token), "oauth2")):
        what = "holds no 'access_token'" if not isinstance(token, str) else f"token {problem}"
        raise RecordError(f"{answer.where}: the answer {what}")
    return clean(token), _life(said.get("expires_in"))


def _life(given: Any) -> float:
    """Return for how long a token lives; some services write the number as a text."""
    try:
        life = float(given)
    except (TypeError, ValueError, OverflowError):
        return _USUAL_LIFE_SECONDS
    return life if 0 < life < float("inf") else _USUAL_LIFE_SECONDS
