"""Tells an orchestrator whether the process lives and works; serves the metrics too."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

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
"""A loop not heard of for this long counts as stuck; an idle one beats twice a second."""
REQUEST_SECONDS = 5.0
MAX_REQUEST_BYTES = 8192


@define
class WorkerHealth:
    """One worker as the probes see it."""

    state: str = "starting"
    beat: float = 0.0
    members: int = 0


@define
class Health:
    """What is known about the workers of this process."""

    clock: Clock
    workers: dict[str, WorkerHealth] = field(factory=dict)
    longest_batch_seconds: float = 300.0
    """A batch may take this long before the worker counts as stuck."""

    def expect(self, name: str) -> None:
        """Worker *name* is going to start."""
        self.workers[name] = WorkerHealth(beat=self.clock.monotonic())

    def worker_ready(self, name: str) -> None:
        """Worker *name* takes records."""
        worker = self.workers.setdefault(name, WorkerHealth())
        worker.members += 1
        worker.state = "ready"
        worker.beat = self.clock.monotonic()

    def worker_stopped(self, name: str) -> None:
        """A member of worker *name* takes no more records."""
        worker = self.workers.setdefault(name, WorkerHealth())
        worker.members = max(0, worker.members - 1)
        if not worker.members:
            worker.state = "stopped"

    def worker_waiting(self, name: str, reason: str) -> None:
        """Worker *name* waits for what *reason* says; empty: it goes on."""
        worker = self.workers.setdefault(name, WorkerHealth())
        worker.state = f"waiting: {reason}" if reason else "ready"

    def heartbeat(self, name: str) -> None:
        """The loop of worker *name* goes round."""
        self.workers[name].beat = self.clock.monotonic()

    def live(self) -> tuple[bool, dict[str, object]]:
        """Return whether every loop goes round, and the ages of their last beats."""
        limit = max(STALE_SECONDS, self.longest_batch_seconds)
        now = self.clock.monotonic()
        ages = {
            name: round(now - worker.beat, 1)
            for name, worker in self.workers.items()
            if worker.state not in ("starting", "stopped")
        }
        stuck = sorted(name for name, age in ages.items() if age > limit)
        return not stuck, {"status": "stuck" if stuck else "alive", "stuck": stuck, "beats": ages}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether every worker takes records, and the state of each."""
        states = {name: worker.state for name, worker in self.workers.items()}
        waiting = sorted(name for name, state in states.items() if state != "ready")
        return not waiting, {"status": "not_ready" if waiting else "ready", "workers": states}


@define
class HealthServer:
    """``/health/live``, ``/health/ready`` and ``/metrics`` on one port of the event loop.

    It runs on the loop that does the work: if that is stuck, the probe fails.
    """

    settings: HealthSettings
    health: Health
    metrics: Metrics
    port: int = field(default=0, init=False)
    _server: asyncio.Server | None = field(default=None, init=False)

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
                self._server = await asyncio.start_server(self._serve, self.settings.host, port)
            except OSError as error:
                reason = error.strerror or str(error)
                continue
            self.port = port
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
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                request = await reader.readuntil(b"\r\n\r\n")
                writer.write(self._answer(request[:MAX_REQUEST_BYTES].split(b" ", 2)[1]))
                await writer.drain()
        except (
            TimeoutError,
            asyncio.IncompleteReadError,
            asyncio.LimitOverrunError,
            IndexError,
        ) as e:
            log.debug("a health request could not be read: %r", e)
        except ConnectionError as error:
            log.debug("a health request went away: %r", error)
        finally:
            writer.close()

    def _answer(self, path: bytes) -> bytes:
        probes: dict[bytes, Callable[[], tuple[bool, dict[str, object]]]] = {
            b"/health/live": self.health.live,
            b"/health/ready": self.health.ready,
        }
        if path == b"/metrics":
            body = generate_latest(self.metrics.registry)
            return _response("200 OK", b"text/plain; version=0.0.4; charset=utf-8", body)
        probe = probes.get(path.split(b"?")[0])
        if probe is None:
            return _response("404 Not Found", b"application/json", b'{"status":"unknown path"}')
        good, details = probe()
        status = "200 OK" if good else "503 Service Unavailable"
        return _response(status, b"application/json", msgspec.json.encode(details))


def _response(status: str, kind: bytes, body: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\nContent-Type: "
    )
    return head.encode() + kind + b"\r\n\r\n" + body
