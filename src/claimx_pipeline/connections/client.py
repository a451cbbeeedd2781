"""The HTTP client: one connection to one named service."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import unquote, urlsplit

import msgspec
from attrs import define, evolve, field
from yarl import URL

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import (
    Answer,
    RequestFailedError,
    UnreadableAnswerError,
    refusal,
    require_json,
)
from claimx_pipeline.connections.breaker import Breaker, Permit
from claimx_pipeline.connections.call import (
    USUAL_HEADERS,
    Call,
    Watch,
    base_of,
    body_of,
    call_to,
    merged,
)
from claimx_pipeline.connections.counting import Counting
from claimx_pipeline.connections.credential import check_connection, credential_headers, token_of
from claimx_pipeline.connections.file_exchange import FileExchange
from claimx_pipeline.connections.judge import Judge
from claimx_pipeline.connections.lost import lost, unanswered
from claimx_pipeline.connections.network import look_ahead, proxy_to
from claimx_pipeline.connections.opened import open_renewed
from claimx_pipeline.connections.probe import Probe
from claimx_pipeline.connections.renewed import RenewedCredential
from claimx_pipeline.connections.slots import FairSlots
from claimx_pipeline.connections.verdict import Verdict, by_status
from claimx_pipeline.connections.waits import Waits
from claimx_pipeline.errors import Category
from claimx_pipeline.redaction import endpoint_of
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.telemetry.request_metrics import RequestMetrics

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

    from claimx_pipeline.connections.session import Sockets
    from claimx_pipeline.connections.transport import Transport

_PROBE_SECONDS = 5.0
"""A probe that takes longer has shown that the service is not well."""


@define(eq=False)
class Connection:
    """A named HTTP service. Belongs to one event loop; ``close`` it there."""

    name: str
    """Its name in the settings."""
    settings: ConnectionSettings
    """Its settings."""
    clock: Clock
    """Tells the time."""
    resolver: AbstractResolver | None = field(default=None, kw_only=True, repr=False)
    """Looks names up, if not the machine does."""
    sockets: Sockets | None = field(default=None, kw_only=True, repr=False)
    """Makes the sockets, if they are not to be plain ones."""
    setting: str = field(default="", kw_only=True, repr=False)
    """Section of the settings that describes it, for errors; ``connections.NAME`` if not given."""
    metrics: RequestMetrics | None = field(default=None, kw_only=True, repr=False)
    """What its requests are counted in, if they are; under ``counted_as`` or else its name."""
    counted_as: str = field(default="", kw_only=True, repr=False)
    breaker: Breaker = field(init=False, repr=False)
    """Stops sending while the service fails; its ``state`` may be shown."""
    _base_url: str = field(init=False, repr=False)
    _headers: Mapping[str, str] = field(init=False, repr=False)
    _renewed: RenewedCredential | None = field(init=False, repr=False)
    _judge: Judge = field(init=False, repr=False)
    _counting: Counting = field(init=False, repr=False)
    _slots: FairSlots = field(init=False, repr=False)
    _transport: Transport | None = field(init=False, repr=False)
    _files: FileExchange | None = field(init=False, repr=False)
    _waits: Waits = field(init=False, repr=False)
    _proxy: URL | None = field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        check_connection(self.name, self.settings)
        parts = urlsplit(self.settings.base_url)
        self._base_url = base_of(self.settings.base_url)
        self._counting = Counting(self.metrics, self.counted_as or self.name, self.clock)
        self._renewed = open_renewed(self.name, self.settings, self._counting, Connection)
        # A credential that may change goes with each request instead.
        fixed = {} if self._renewed else credential_headers(self.settings, self._token)
        self._headers = merged(merged(USUAL_HEADERS, self.settings.headers), fixed)
        endpoint = endpoint_of(self.settings.base_url)
        limits = (self.settings.breaker_failures, self.settings.breaker_open_seconds)
        self.breaker = Breaker(*limits, self.clock, name=self.name, endpoint=endpoint)
        probe = Probe(self.name, self._ask_probe, self.clock) if self.settings.probe else None
        setting = self.setting or f"connections.{self.name}"
        self._judge = Judge(endpoint, setting, self.breaker, probe, self.clock)
        self._waits = Waits(self.settings, self.breaker)
        self._slots = FairSlots(self.settings.max_concurrent)
        self._counting.show(self.breaker, self._slots, self.settings.max_concurrent)
        self._transport, self._files = None, None
        self._proxy = proxy_to(self._base_url, self.settings.network)
        if parts.scheme == "file":
            self._files = FileExchange(Path(unquote(parts.netloc + parts.path)), self.clock)
        else:
            from claimx_pipeline.connections.transport import Transport  # noqa: PLC0415 - slow to import

            self._transport = Transport(
                self._base_url, self.settings, self._new_session, self.clock
            )

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
        expect: Literal["any", "json"] = "any",
        subject: str | None = None,
        endpoint: str | None = None,
    ) -> Answer:
        """Send a request and return its answer, read up to ``max_answer_bytes``.

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
            expect: ``json`` if a success must hold JSON. A page, nothing or half an answer is
                then the service's failure, as a 5xx is; what is meant to be JSON and cannot be
                read is requested once more and is then the record's failure.
            subject: What is asked about, a project say; the idempotency key if not given. If
                404 or 405 is answered about five different ones and nothing else, that is an
                outage; without a subject each is the record's own.
            verdict: Tells whether an answer is a yes; without, any 2xx is.
            endpoint: The path as it is declared, ``/notes/{id}``, for metrics; else ``other``.

        Returns:
            The answer, which is a yes; ``json`` can read it if that was expected.

        Raises:
            RequestFailedError: No answer came, or one that is not a success, or nothing was
                sent as the breaker is open. ``category`` says whether another try can
                help; ``outage`` whether every request would have failed; ``retry_after``
                how long to wait, if that is longer than the settings' longest wait.
        """
        content, headers = body_of(json, form, headers)
        if self._files:
            return await self._files.write(
                method,
                path,
                params=params,
                body=(content or b"") if form is None else msgspec.json.encode(form),
                # By name only: any of the connection's own may be a credential.
                headers={**dict.fromkeys(self._headers, "********"), **(headers or {})},
                idempotency_key=idempotency_key,
                watch=watch,
            )
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
            subject=subject,
            expects_json=expect == "json",
            endpoint=endpoint,
        )
        with self._counting.refusing():
            permit = self.breaker.admit()
        try:
            answer = await self._persist(call, permit, watch)
            self._judge.succeeded(permit)
        except RequestFailedError as error:
            if self._closed:
                raise
            # Without the first as its context: the second says all that it says.
            raise await self._judge.judged(error, permit, call.subject) from None
        finally:
            permit.release()
        return answer

    async def close(self) -> None:
        """Close every connection; requests under way fail. May be called twice."""
        if self._transport:
            self._transport.closed = True
        if self._renewed:
            await self._renewed.close()
        if self._transport:
            await self._transport.close()

    @property
    def _closed(self) -> bool:
        return self._transport is not None and self._transport.closed

    async def _persist(self, call: Call, permit: Permit, watch: Watch | None) -> Answer:
        """Send *call* until it succeeds or another try cannot help."""
        retries, renewed, unreadable = 0, False, False
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
                wait: float | None
                if isinstance(error, UnreadableAnswerError):
                    if unreadable or not call.repeatable:
                        raise evolve(error, category=Category.PERMANENT) from None
                    unreadable, wait = True, self._waits.backoff(0)
                else:
                    wait = self._waits.before_retry(error, retries) if call.repeatable else None
                if wait is None:
                    raise
            retries += 1
            await self.clock.sleep(wait)

    async def _send(self, call: Call, permit: Permit, watch: Watch | None) -> Answer:
        async with self._slots.slot(call.subject):
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
            if call.expects_json:
                require_json(answer, connection=self.name, secrets=self._secrets)
            return answer
        if isinstance(error, RequestFailedError):
            raise error
        reason = error.reason
        for secret in self._secrets:
            reason = reason.replace(secret, "…")
        why, wait, outage = error.category, error.retry_after, error.outage
        raise RequestFailedError(reason, why, wait, outage, self.name, answer)

    async def _ask_probe(self) -> Answer:
        # Beside the slots: they may all be taken by requests that wait for its answer.
        call = call_to(self._base_url, "GET", self.settings.probe or "", endpoint="probe")
        return await self._answer(call, min(_PROBE_SECONDS, self.settings.timeout_seconds))

    async def _answer(self, call: Call, seconds: float) -> Answer:
        """Return the answer to *call*, whatever its status, and count it."""
        return await self._counting.answered(call, self._within(call, seconds))

    async def _within(self, call: Call, seconds: float) -> Answer:
        try:
            async with asyncio.timeout(seconds):
                return await self._exchange(call)
        except TimeoutError:
            raise lost(call, f"no answer within {seconds:g} s", self.name, timed_out=True) from None
        except Exception as error:
            limit = self.settings.connect_timeout_seconds
            if (failed := unanswered(call, error, self.name, limit, self._secrets)) is None:
                raise
            # Without a cause: its text may hold the whole URL.
            raise failed from None

    async def _exchange(self, call: Call) -> Answer:
        if self._transport is None or self._closed:
            raise lost(call, f"connection {self.name!r} is closed", self.name, unsent=True)
        headers = self._with_credential(call.headers)
        if self._proxy is not None:
            await look_ahead(self.resolver, URL(self._base_url))
        return await self._transport.exchange(call, headers, self.settings.max_answer_bytes)

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

    def _new_session(self, tls: ssl.SSLContext) -> aiohttp.ClientSession:
        from claimx_pipeline.connections.session import new_session  # noqa: PLC0415 - slow to import

        return new_session(
            connections=self.settings.max_concurrent + 1,  # the probe has no slot
            tls=tls,
            headers=self._headers,
            resolver=self.resolver,
            sockets=self.sockets,
            keep_alive=self.settings.keep_alive,
            proxy=self._proxy,
        )
