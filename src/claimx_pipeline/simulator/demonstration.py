"""ClaimX in ``claimx-run demo``: the simulated world, part of the day by part of the day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

from claimx_pipeline.domain.demonstration import Wave
from claimx_pipeline.simulator.extending import LoadedPlugins, connections_of, extend
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World

WAVES = 4
"""The events come in this many parts of the day, each dealt with before the next."""

SETTINGS = """\
claimx:
  api:
    base_url: {api}
    token: {api_token}
connections:
  itel_cabinet_api:
    base_url: {itel}
    auth_type: bearer
    auth_token: {itel_token}
{services}workers:
  events: {{linger_seconds: 0.2}}
  entities: {{linger_seconds: 0.2}}
  results: {{linger_seconds: 0.2}}
"""

API_TOKEN = "demo-token"  # noqa: S105 - opens the demo's own simulator only
ITEL_TOKEN = "demo-itel-token"  # noqa: S105 - the same

QUERIES = ("events-by-outcome", "unaccounted-events", "photos-by-project", "task-turnaround")


class ClaimxDemonstration:
    """ClaimX and iTel, simulated."""

    def __init__(self, seed: int, events: int) -> None:
        """Prepare the world of *seed* with so many *events*."""
        self._events = events
        self._server = SimulatorServer(World(seed), api_token=API_TOKEN, itel_token=ITEL_TOKEN)

    def extend(self, plugins: LoadedPlugins) -> None:
        """Add what *plugins* bring for the simulated world."""
        extend(self._server, plugins)

    async def __aenter__(self) -> Self:
        """Start the simulator."""
        await self._server.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the simulator."""
        await self._server.__aexit__(kind, error, trace)

    def settings(self) -> str:
        """Return the settings that lead to the simulated services."""
        return SETTINGS.format(
            api=self._server.api_url,
            api_token=API_TOKEN,
            itel=self._server.itel_url,
            itel_token=ITEL_TOKEN,
            services="".join(
                f"  {name}:\n    base_url: {url}\n"
                for name, url in connections_of(self._server).items()
            ),
        )

    def hosts(self) -> Sequence[str]:
        """Return the host of the claims' files."""
        return [urlsplit(self._server.api_url).netloc]

    def waves(self) -> Iterator[Wave]:
        """Yield the parts of the day; the world's clock is set to the end of each."""
        events = self._server.world.events(self._events)
        size = -(-len(events) // WAVES)
        for start in range(0, len(events), size):
            part = events[start : start + size]
            self._server.world.set_clock(part[-1].at)
            yield Wave(
                title=f"{part[0].at:%d %b %H:%M} to {part[-1].at:%d %b %H:%M}",
                events=[event.value for event in part],
                keys=[event.key for event in part],
            )

    def facts(self) -> Mapping[str, Any]:
        """Return what iTel received."""
        return {"itel": {"submissions": len(self._server.submissions)}}

    def summary(self, result: Mapping[str, Any]) -> Sequence[str]:
        """Return lines about files and forms."""
        files = result["files"]
        return [
            f"{files['count']} files of claims copied, {files['bytes'] / 1e6:.1f} MB",
            f"iTel received {result['itel']['submissions']} completed cabinet forms",
        ]

    def queries(self) -> Sequence[str]:
        """Return what a newcomer asks first."""
        return QUERIES
