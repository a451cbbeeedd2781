"""The HTTP client; the one module that knows which library sends the requests.

httpx's requests and responses over aiohttp's pool: httpx 0.28's own pool slows down
with the number of requests under way, and its ``AsyncClient`` costs as much again as
the request itself. So requests are handed to the transport directly.
"""

from __future__ import annotations

import asyncio
import logging
import random
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import aiohttp
import httpx
import msgspec
from aiohttp.abc import AbstractResolver
from attrs import define, evolve, field
from httpx_aiohttp import AiohttpTransport

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, RequestFailedError, refusal
from claimx_pipeline.connections.breaker import Breaker, Permit, State
from claimx_pipeline.connections.call import Call, Watch, call_to, merged
from claimx_pipeline.connections.credential import check_connection, credential_headers, token_of
from claimx_pipeline.connections.file_exchange import FileExchange
from claimx_pipeline.connections.oauth2 import OAuth2Token, token_service_settings
from claimx_pipeline.connections.probe import Probe
from claimx_pipeline.connections.redact import quoted
from claimx_pipeline.connections.renewed import RenewedCredential
from claimx_pipeline.connections.session import Sockets, new_session
from claimx_pipeline.connections.token_file import open_token_file
from claimx_pipeline.connections.verdict import Verdict, by_status
from claimx_pipeline.errors import Category, ClaimxError, RecordError
from claimx_pipeline.settings.tree.connections import ConnectionSettings

_PROBE_SECONDS = 5.0
"""A probe that takes longer has shown that the service is not well."""

_FORBIDDEN = 403

_NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""How a request fails of which the service has seen nothing."""

_FORM = "application/x-www-form-urlencoded"

_USUAL_HEADERS = {
    "Accept": "application/json",
    # What httpx decodes without further packages; aiohttp would ask for more.
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "claimx-pipeline",
}


@define(eq=False)
class Connection:
    """A named HTTP service. Belongs to one event loop; ``close`` it there."""

    name: str
    settings: ConnectionSettings
    clock: Clock
    resolver: AbstractResolver | None = field(default=None, kw_only=True, repr=False)
    """Looks names up, if not the machine does."""
    sockets: Sockets | None = field(default=None, kw_only=True, repr=False)
    """Makes the sockets, if they are not to be plain ones."""
    breaker: Breaker = field(init=False, repr=False)
    """Stops sending while the service fails; its ``state`` may be shown."""
    _base_url: str = field(init=False, repr=False)
    _headers: Mapping[str, str] = field(init=False, repr=False)
    _renewed: RenewedCredential | None = field(init=False, repr=False)
    _probe: Probe | None = field(init=False, repr=False)
    _extensions: Mapping[str, Any] = field(init=False, repr=False)
    _slots: asyncio.Semaphore = field(init=False, repr=False)
    _transport: AiohttpTransport | None = field(init=False, repr=False)
    _files: FileExchange | None = field(init=False, repr=False)
    _random: random.Random = field(factory=random.Random, init=False, repr=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        check_connection(self.name, self.settings)
        parts = urlsplit(self.settings.base_url)
        self._base_url = self.settings.base_url.rstrip("/")
        usual = merged(_USUAL_HEADERS, self.settings.headers)
        self._renewed = self._open_renewed()
        # A credential that may change goes with each request instead.
        fixed = {} if self._renewed else credential_headers(self.settings, self._token)
        self._headers = merged(usual, fixed)
        self.breaker = Breaker(
            self.settings.breaker_failures,
            self.settings.breaker_open_seconds,
            self.clock,
            name=self.name,
        )
        self._probe = Probe(self.name, self._ask_probe, self.clock) if self.settings.probe else None
        connect = self.settings.connect_timeout_seconds
        # aiohttp counts name look-up and TLS handshake to the wait for the pool.
        self._extensions = {"timeout": {"connect": connect, "pool": connect}}
        self._slots = asyncio.Semaphore(self.settings.max_concurrent)
        self._transport, self._files = None, None
        if parts.scheme == "file":
            self._files = FileExchange(Path(unquote(parts.netloc + parts.path)), self.clock)
        else:
            # Reading the certificate store takes 50 ms, so not for plain HTTP.
            self._transport = AiohttpTransport(
                verify=parts.scheme == "https", client=self._new_session
            )
        for library in ("httpx", "httpcore"):
            # Both log whole URLs, signatures of links included, at INFO.
            logging.getLogger(library).setLevel(logging.WARNING)

    async def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        form: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        repeatable: bool = False,
        timeout_seconds: float | None = None,
        watch: Watch | None = None,
        verdict: Verdict = by_status,
    ) -> Answer:
        """Send a request and return its answer, wholly read.

        A failure that may pass (a timeout, a lost connection, 5xx, 429) is tried again
        as often as the settings say, provided the request may be sent twice. After a 401
        a credential from a file is read again, an access token is requested again, and if
        there is another one, the request is tried once more.
        Redirects are not followed.

        Args:
            method: HTTP method.
            path: Path below the base URL, percent-encoded where it must be.
            params: Query; a list gives its name several times, None leaves it out.
            json: Body, sent as JSON. None for no body.
            form: Body, sent as a form instead.
            headers: Further headers; they win over the connection's own.
            idempotency_key: Sent as ``Idempotency-Key``; the service then knows a
                second try, so a POST is tried again.
            repeatable: A POST that only reads may be sent twice without a key.
            timeout_seconds: Total time of one try; the connection's own if not given.
            watch: Called before and after every single try.
            verdict: Tells whether an answer is a yes; without, any 2xx is.

        Returns:
            The answer, which is a yes.

        Raises:
            RequestFailedError: No answer came, or one that is not a success, or nothing was
                sent as the breaker is open. ``category`` says whether another try can
                help; ``outage`` whether every request would have failed; ``retry_after``
                how long to wait, if that is longer than the settings' longest wait.
        """
        content = None if json is None else msgspec.json.encode(json)
        if form is not None:
            content = urlencode(form).encode()
            headers = merged({"Content-Type": _FORM}, headers or {})
        if self._files:
            own = watch.sending() if watch else {}
            written = await self._files.request(
                method,
                path,
                params=params,
                body=(content or b"") if form is None else msgspec.json.encode(form),
                # By name only: any of the connection's own may be a credential.
                headers={**dict.fromkeys(self._headers, "********"), **(headers or {}), **own},
                idempotency_key=idempotency_key,
            )
            if watch:
                watch.ended(written)
            return written
        call = call_to(
            self._base_url,
            method,
            path,
            params=params,
            headers=headers,
            content=content,
            idempotency_key=idempotency_key,
            repeatable=repeatable,
            timeout_seconds=timeout_seconds,
            verdict=verdict,
        )
        permit = self.breaker.admit()
        try:
            answer = await self._persist(call, permit, watch)
            permit.succeeded()
        except RequestFailedError as error:
            # Without the first as its context: the second says all that it says.
            raise await self._judged(error, permit) from None
        finally:
            permit.release()
        return answer

    async def close(self) -> None:
        """Close every connection; requests under way fail. May be called twice."""
        self._closed = True
        if self._renewed:
            await self._renewed.close()
        if self._transport:
            await self._transport.aclose()

    async def _persist(self, call: Call, permit: Permit, watch: Watch | None) -> Answer:
        """Send *call* until it succeeds or another try cannot help."""
        retries, renewed = 0, False
        while True:
            if self._renewed:
                await self._renewed.look()
            sent = self._token
            try:
                return await self._send(call, permit, watch)
            except RequestFailedError as error:
                if error.category is Category.AUTH and self._renewed and not renewed:
                    renewed = await self._renewed.renewed(sent)
                    if renewed:
                        continue
                wait = self._wait_before_retry(error, retries) if call.repeatable else None
                if wait is None:
                    raise
            retries += 1
            await self.clock.sleep(wait)

    async def _judged(self, error: RequestFailedError, permit: Permit) -> RequestFailedError:
        """Return *error* as the service's failure or the record's; report it to the breaker."""
        doubted = error.status == _FORBIDDEN and self._probe is not None
        if error.category is not Category.TRANSIENT and not doubted:
            if error.answer and error.category is not Category.THROTTLED:
                permit.succeeded()
            return error
        if self._closed:
            return error
        # Nothing more is sent to a service that is known to fail.
        asked = self._probe if self.breaker.state is not State.OPEN else None
        if asked and await asked.healthy():
            permit.succeeded()
            return error
        permit.failed()
        outage = self._probe is not None or self.breaker.state is not State.CLOSED
        return evolve(error, category=Category.TRANSIENT, outage=outage)

    async def _send(self, call: Call, permit: Permit, watch: Watch | None) -> Answer:
        async with self._slots:
            # It may have opened while this one waited for its turn.
            permit.renew()
            if watch is None:
                return await self._succeed(call)
            try:
                answer = await self._succeed(call.having(watch.sending()))
            except RequestFailedError as error:
                watch.ended(error)
                raise
            watch.ended(answer)
            return answer

    async def _succeed(self, call: Call) -> Answer:
        """Return the answer to *call*, which must be a success."""
        answer = await self._answer(call, call.timeout_seconds or self.settings.timeout_seconds)
        usual = None
        if not 200 <= answer.status < 300:  # noqa: PLR2004 - the class of successes
            usual = refusal(answer, connection=self.name, secrets=self._secrets)
        error = call.verdict(answer, usual)
        if error is None:
            return answer
        if isinstance(error, RequestFailedError):
            raise error
        reason = error.reason
        for secret in self._secrets:
            reason = reason.replace(secret, "…")
        raise RequestFailedError(
            reason, error.category, error.retry_after, error.outage, self.name, answer
        )

    async def _ask_probe(self) -> Answer:
        # Beside the slots: they may all be taken by requests that wait for its answer.
        call = call_to(self._base_url, "GET", self.settings.probe or "")
        return await self._answer(call, min(_PROBE_SECONDS, self.settings.timeout_seconds))

    async def _answer(self, call: Call, seconds: float) -> Answer:
        """Return the answer to *call*, whatever its status."""
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(call)
        except TimeoutError:
            raise self._lost(call, f"no answer within {seconds:g} s") from None
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            # Without a cause: its text may hold the whole URL.
            unsent = isinstance(error.__cause__ or error, _NOT_CONNECTED)
            raise self._lost(call, self._described(error), unsent=unsent) from None
        except (httpx.InvalidURL, ValueError) as error:
            reason = f"{call.where}: is not a request that can be sent ({type(error).__name__})"
            raise RequestFailedError(reason, connection=self.name) from None

    async def _exchange(self, call: Call) -> Answer:
        transport = self._transport
        if transport is None or self._closed:
            raise self._lost(call, f"connection {self.name!r} is closed", unsent=True)
        request = httpx.Request(
            call.method,
            call.url,
            headers=self._with_credential(call.headers),
            content=call.content,
            extensions=self._extensions,
        )
        response = await transport.handle_async_request(request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, body, self.clock.now(), call.where)

    def _lost(self, call: Call, what: str, *, unsent: bool = False) -> RequestFailedError:
        return RequestFailedError(
            f"{call.where}: {what}", Category.TRANSIENT, connection=self.name, unsent=unsent
        )

    def _described(self, error: Exception) -> str:
        # The transport calls every failure to connect a timeout; the cause knows better.
        cause = error.__cause__ or error
        if isinstance(cause, TimeoutError):
            return f"no connection within {self.settings.connect_timeout_seconds:g} s"
        text = quoted(str(cause).encode(), secrets=self._secrets)
        return f"{type(cause).__name__}: {text}" if text else type(cause).__name__

    def _wait_before_retry(self, error: RecordError, retries: int) -> float | None:
        passing = error.category in {Category.TRANSIENT, Category.THROTTLED}
        if not passing or retries >= self.settings.max_retries:
            return None
        if self.breaker.state is not State.CLOSED:
            # While open nothing is sent, and while half-open one try has to do.
            return None
        longest = self.settings.backoff_max_seconds
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= longest else None
        backoff: float = min(longest, self.settings.backoff_seconds * 2**retries)
        return backoff * self._random.uniform(0.5, 1.0)

    @property
    def _token(self) -> str:
        return self._renewed.token if self._renewed else token_of(self.settings)

    @property
    def _secrets(self) -> tuple[str, ...]:
        """What no error may show."""
        before = self._renewed.before if self._renewed else ""
        return tuple(filter(None, (self._token, before)))

    def _with_credential(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        if self._renewed is None:
            return headers
        return merged(credential_headers(self.settings, self._token), headers)

    def _open_renewed(self) -> RenewedCredential | None:
        """Return where a credential that changes comes from; None if it never does."""
        oauth2 = self.settings.oauth2
        if self.settings.auth_type != "oauth2" or oauth2 is None:
            return open_token_file(self.name, self.settings, self.clock)
        service = token_service_settings(self.settings, oauth2)
        tokens = Connection(f"{self.name} (tokens)", service, self.clock)
        return OAuth2Token(self.name, oauth2, tokens, self.clock)

    def _new_session(self) -> aiohttp.ClientSession:
        transport = self._transport
        if transport is None:
            raise ClaimxError(f"connection {self.name!r} sends nothing")
        return new_session(
            connections=self.settings.max_concurrent + 1,  # the probe has no slot
            tls=transport.ssl_context,
            headers=self._headers,
            resolver=self.resolver,
            sockets=self.sockets,
        )


def verified_tls() -> ssl.SSLContext:
    """Return how certificates are verified everywhere: always, and by the usual authorities.

    ``SSL_CERT_FILE`` names those of a company of its own. Takes 50 ms.
    """
    return httpx.create_ssl_context()
