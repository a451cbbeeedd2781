"""The simulator as a real HTTP server in the running event loop."""

from __future__ import annotations

from datetime import timedelta
from types import TracebackType
from typing import Self

from starlette.types import ASGIApp

from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.serving import AsgiServer
from claimx_pipeline.simulator.app import build_app
from claimx_pipeline.simulator.claimx_api import API_PATH
from claimx_pipeline.simulator.faults import FaultPlan
from claimx_pipeline.simulator.itel_api import ITEL_PATH
from claimx_pipeline.simulator.links import LinkSigner
from claimx_pipeline.simulator.recording import RequestLog
from claimx_pipeline.simulator.simulation import Simulation
from claimx_pipeline.simulator.submissions import Submissions
from claimx_pipeline.simulator.vendor import VendorState
from claimx_pipeline.simulator.vendor_api import VENDOR_PATH
from claimx_pipeline.simulator.world import World


class SimulatorServer:
    """Serves a world while its ``async with`` block runs.

    It takes no signals, logs nothing, and after the block its port is free again. The same
    server may be entered once more: it then listens where it did, and remembers what it was
    asked, as after an outage.
    """

    def __init__(  # noqa: PLR0913 - each is one thing a caller may want to be different
        self,
        world: World,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        api_token: str = "demo-token",  # noqa: S107 - of a simulator
        itel_token: str = "demo-itel-token",  # noqa: S107 - of a simulator
        link_ttl: timedelta = timedelta(hours=24),
        media_bytes: int | None = None,
        clock: Clock | None = None,
    ) -> None:
        """Prepare a server; nothing listens yet.

        Args:
            world: What it serves.
            host: Address to listen on.
            port: Port to listen on; 0 for any free one.
            api_token: Credential that the ClaimX API asks for.
            itel_token: Credential that the iTel API asks for.
            link_ttl: How long a media link holds.
            media_bytes: Size of every media file; None for a few thousand bytes each.
            clock: Wall clock of links, latencies and the request log.
        """
        self.simulation = Simulation(
            world=world,
            api_token=api_token,
            itel_token=itel_token,
            links=LinkSigner(site="", ttl=link_ttl),
            media_bytes=media_bytes,
            clock=clock or SystemClock(),
        )
        self._server = AsgiServer(host, port)

    @property
    def world(self) -> World:
        """What is served."""
        return self.simulation.world

    @property
    def requests(self) -> RequestLog:
        """What was asked."""
        return self.simulation.requests

    @property
    def submissions(self) -> Submissions:
        """What iTel accepted."""
        return self.simulation.submissions

    @property
    def vendor(self) -> VendorState:
        """What the vendor accepted, and its habits."""
        return self.simulation.vendor

    @property
    def faults(self) -> FaultPlan:
        """What goes wrong."""
        return self.simulation.faults

    @property
    def url(self) -> str:
        """Address of the server, without a slash at its end; known once it listens."""
        return self.simulation.links.site

    @property
    def api_url(self) -> str:
        """Base URL of the ClaimX API."""
        return self.url + API_PATH

    @property
    def itel_url(self) -> str:
        """Base URL of the iTel API."""
        return self.url + ITEL_PATH

    @property
    def vendor_url(self) -> str:
        """Base URL of the vendor; tokens are handed out below it, at ``/token``."""
        return self.url + VENDOR_PATH

    def application(self) -> ASGIApp:
        """Return what answers; a subclass may put something in front of it."""
        return build_app(self.simulation)

    async def __aenter__(self) -> Self:
        """Start to listen.

        Raises:
            ClaimxError: The address cannot be listened on.
        """
        self._server.listen()
        self.simulation.links.site = self._server.url
        self.simulation.closing.clear()
        await self._server.serve(self.application())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and close every connection."""
        self.simulation.closing.set()
        await self._server.close()
