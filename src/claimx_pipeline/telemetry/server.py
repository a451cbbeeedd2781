"""Serves the probes and the metrics of a process over HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import sys
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

import msgspec
from attrs import define, field
from prometheus_client import generate_latest

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.system_errors import reason_of
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)


DEFAULT_PORT = 8080


PORTS_TRIED = 50


LOOK_SECONDS = 0.1
"""How often the thread looks whether it is to end."""


REQUEST_SECONDS = 5.0


JSON_TYPE = "application/json"


ONE_WORKER = "/health/ready/"


METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


_CREATED = re.compile(rb"^(?:# (?:HELP|TYPE) )?\w+_created[ {].*\n", re.MULTILINE)
"""When each series was made: twice the size of an answer, which no dashboard uses."""


@define
class HealthServer:
    """``/health/live``, ``/health/ready`` and ``/metrics`` on one port, in a thread of its own.

    ``/healthz`` is the first of them and ``/readyz`` the second, as Kubernetes calls them;
    ``/health/ready/WORKER`` is about one worker. It answers while the event loop is blocked, and
    reports that.
    """

    settings: HealthSettings
    health: Health
    metrics: Metrics
    redactor: Redactor = field(factory=Redactor)
    """Cleans the reasons that are shown."""
    port: int = field(default=0, init=False)
    _server: ThreadingHTTPServer | None = field(default=None, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    async def start(self) -> None:
        """Listen on the port of the settings, or the first free one from 8080.

        Raises:
            SettingsError: A port that was set explicitly cannot be had.
        """
        wanted = self.settings.port
        if wanted == 0:
            return
        ports = [wanted] if wanted else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
        for port in ports:
            try:
                self._server = _Server((self.settings.host, port), partial(_Probe, self))
            except OSError as error:
                reason = reason_of(error)
                continue
            self.port = port
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(LOOK_SECONDS,), name="health", daemon=True
            )
            self._thread.start()
            return
        what = f"port {wanted}" if wanted else f"any port from {ports[0]} to {ports[-1]}"
        said = f"nothing can listen on {what} of {self.settings.host}: {reason}"
        raise SettingsError([Problem("health.port", f"{said}; choose another port, or 0 for none")])

    async def close(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            await asyncio.to_thread(server.shutdown)
            self._thread.join()
            server.server_close()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Return status, content type and body of the answer to *path*."""
        probes = {
            "/health/live": self.health.live,
            "/healthz": self.health.live,
            "/health/ready": self.health.ready,
            "/readyz": self.health.ready,
        }
        if path == "/metrics":
            return (
                HTTPStatus.OK,
                METRICS_TYPE,
                _CREATED.sub(b"", generate_latest(self.metrics.registry)),
            )
        if (probe := probes.get(path)) is not None:
            answered = probe()
        else:
            # By its name: a worker may be called anything.
            name = unquote(path.removeprefix(ONE_WORKER)) if path.startswith(ONE_WORKER) else ""
            found = self.health.ready_worker(name)
            if found is None:
                return HTTPStatus.NOT_FOUND, JSON_TYPE, b'{"status":"unknown path"}'
            answered = found
        good, details = answered
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON_TYPE, msgspec.json.encode(self._cleaned(details))

    def _cleaned(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {key: self._cleaned(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self._cleaned(inner) for inner in value]
        return self.redactor.text(value) if isinstance(value, str) else value


class _Server(ThreadingHTTPServer):
    """Does not wait for those who connected and say nothing."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], handler: Callable[..., Any]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - the base class's
        """Note that a request could not be answered; who asks again is answered."""
        log.debug("a health request of %s went wrong: %r", client_address, sys.exception())


class _Probe(BaseHTTPRequestHandler):
    """One request."""

    timeout = REQUEST_SECONDS

    def __init__(self, server: HealthServer, *arguments: Any) -> None:
        self._health = server
        super().__init__(*arguments)

    def do_GET(self) -> None:
        """Answer."""
        status, kind, body = self._health.answer(self.path.split("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the base class's
        """Write where everything else does, not to standard error."""
        log.debug(format, *arguments)
