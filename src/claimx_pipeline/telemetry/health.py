"""Tells an orchestrator whether the process lives and works; serves the metrics too."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import msgspec
from attrs import define, field
from prometheus_client import generate_latest

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.tree import HealthSettings
from claimx_pipeline.telemetry.metrics import Metrics

log = logging.getLogger(__name__)

DEFAULT_PORT = 8080
PORTS_TRIED = 50
STALE_SECONDS = 60.0
"""A loop not heard of for this long counts as stuck; it beats twice a second, busy or idle."""
BATCH_SECONDS = 300.0
LOOK_SECONDS = 0.1
"""How often the thread looks whether it is to end."""
REQUEST_SECONDS = 5.0
JSON_TYPE = "application/json"
METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@define(eq=False)
class Pulse:
    """The signs of life of one member of a worker."""

    clock: Clock
    state: str = "starting"
    waits: dict[str, str] = field(factory=dict, init=False)
    """What it waits for, by what is away."""
    _beat: float = field(default=0.0, init=False)
    _step: float | None = field(default=None, init=False)
    """When the batches in flight last got on; None while there are none."""

    def ready(self) -> None:
        """The member takes records from here on."""
        self.state = "ready"
        self.beat()

    def stopped(self) -> None:
        """The member takes no more records."""
        self.state = "stopped"
        self.waits.clear()

    def beat(self) -> None:
        """The loop goes round."""
        self._beat = self.clock.monotonic()

    def step(self) -> None:
        """A batch in flight got on."""
        self._step = self.clock.monotonic()

    def waiting(self) -> None:
        """The loop waits for something that is away, and so does what is in flight."""
        self.beat()
        if self._step is not None:
            self.step()

    def rest(self) -> None:
        """Nothing is in flight."""
        self._step = None

    def waits_for(self, what: str, reason: str) -> None:
        """The member waits for *what*, because of *reason*; empty: it is there again."""
        if reason:
            self.waits[what] = reason
        else:
            self.waits.pop(what, None)

    def stuck(self, batch_seconds: float) -> bool:
        """Tell whether the loop stands still, or what is in flight does."""
        if self.state != "ready":
            return False
        now = self.clock.monotonic()
        step = self._step
        return now - self._beat > STALE_SECONDS or (step is not None and now - step > batch_seconds)

    def age(self) -> float:
        """Return the seconds since the last beat."""
        return round(self.clock.monotonic() - self._beat, 1)


@define
class WorkerHealth:
    """One worker as the probes see it."""

    batch_seconds: float
    """What is in flight may stand still for this long."""
    members: list[Pulse] = field(factory=list)

    def state(self) -> str:
        """Return what its members say: one that is not ready speaks for all."""
        going = [pulse for pulse in tuple(self.members) if pulse.state != "stopped"]
        if self.members and not going:
            return "stopped"
        waits = [reason for pulse in going for reason in tuple(pulse.waits.values())]
        reasons = "; ".join(dict.fromkeys(waits))
        if not going or any(pulse.state == "starting" for pulse in going):
            return f"starting: {reasons}" if reasons else "starting"
        return f"waiting: {reasons}" if reasons else "ready"


@define
class Health:
    """What is known about the workers of this process. Read by a thread of its own."""

    clock: Clock
    workers: dict[str, WorkerHealth] = field(factory=dict)

    def expect(self, name: str, batch_seconds: float = BATCH_SECONDS) -> None:
        """Worker *name* is going to start."""
        self.workers[name] = WorkerHealth(batch_seconds)

    def member(self, name: str) -> Pulse:
        """Return the signs of life of a new member of worker *name*."""
        if name not in self.workers:
            self.expect(name)
        pulse = Pulse(self.clock)
        self.workers[name].members.append(pulse)
        return pulse

    def live(self) -> tuple[bool, dict[str, object]]:
        """Return whether every loop goes round, and the ages of their last beats."""
        ages: dict[str, float] = {}
        stuck = []
        for name, worker in sorted(self.workers.items()):
            going = [pulse for pulse in tuple(worker.members) if pulse.state == "ready"]
            if going:
                ages[name] = max(pulse.age() for pulse in going)
            if any(pulse.stuck(worker.batch_seconds) for pulse in going):
                stuck.append(name)
        return not stuck, {"status": "stuck" if stuck else "alive", "stuck": stuck, "beats": ages}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether every worker takes records, and the state of each."""
        states = {name: worker.state() for name, worker in tuple(self.workers.items())}
        waiting = sorted(name for name, state in states.items() if state != "ready")
        return not waiting, {"status": "not_ready" if waiting else "ready", "workers": states}


@define
class HealthServer:
    """``/health/live``, ``/health/ready`` and ``/metrics`` on one port, in a thread of its own.

    So it answers while the event loop stands still, and can say so.
    """

    settings: HealthSettings
    health: Health
    metrics: Metrics
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
                reason = error.strerror or str(error)
                continue
            self.port = port
            self._thread = threading.Thread(
                target=self._server.serve_forever, args=(LOOK_SECONDS,), name="health", daemon=True
            )
            self._thread.start()
            return
        what = f"port {wanted}" if wanted else f"no port from {ports[0]} to {ports[-1]}"
        raise SettingsError(
            [
                Problem(
                    "health.port",
                    f"{what} can be had on {self.settings.host} ({reason}); "
                    "choose another port, or 0 for none",
                )
            ]
        )

    async def close(self) -> None:
        """Stop listening."""
        server, self._server = self._server, None
        if server is not None and self._thread is not None:
            await asyncio.to_thread(server.shutdown)
            self._thread.join()
            server.server_close()

    def answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Return status, content type and body of the answer to *path*."""
        probes = {"/health/live": self.health.live, "/health/ready": self.health.ready}
        if path == "/metrics":
            return HTTPStatus.OK, METRICS_TYPE, generate_latest(self.metrics.registry)
        probe = probes.get(path)
        if probe is None:
            return HTTPStatus.NOT_FOUND, JSON_TYPE, b'{"status":"unknown path"}'
        good, details = probe()
        status = HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE
        return status, JSON_TYPE, msgspec.json.encode(details)


class _Server(ThreadingHTTPServer):
    """Does not wait for those who connected and say nothing."""

    daemon_threads = True
    block_on_close = False

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
