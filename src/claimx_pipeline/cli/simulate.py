"""``claimx-run simulate``: the outside world in the foreground, for a pipeline to be tried on."""

from __future__ import annotations

import asyncio
import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.hooks.output import note
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.simulator.server import SimulatorServer
    from claimx_pipeline.simulator.world import World

DEFAULT_PORT = 8765

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def simulate(
    context: typer.Context,
    *,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 for any free one.", min=0, max=65535)] = (
        DEFAULT_PORT
    ),
    seed: Annotated[int, typer.Option(help="Another seed is another world.")] = 0,
    events: Annotated[
        int, typer.Option(help="Events that have happened when it starts.", min=1)
    ] = 200,
    write_events: Annotated[
        Path | None,
        typer.Option(metavar="FILE.jsonl", help="Write these events, one a line, and end."),
    ] = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="With --write-events: serve after writing.")
    ] = False,
    latency_ms: Annotated[float, typer.Option(help="Each answer waits this long.", min=0)] = 0,
    fail_rate: Annotated[
        float, typer.Option(help="Share of requests answered 503.", min=0, max=1)
    ] = 0,
    throttle_rate: Annotated[
        float, typer.Option(help="Share of requests answered 429.", min=0, max=1)
    ] = 0,
    link_ttl: Annotated[
        float, typer.Option(help="Seconds until a media link expires.", min=1)
    ] = 86_400,
    api_token: Annotated[
        str, typer.Option(help="Credential that the ClaimX API asks for.")
    ] = "demo-token",  # noqa: S107 - of a simulator
    itel_token: Annotated[
        str, typer.Option(help="Credential that the iTel API asks for.")
    ] = "demo-itel-token",  # noqa: S107 - of a simulator
) -> None:
    """Serve a simulated ClaimX, media host, iTel API and webhook receiver until Ctrl-C.

    Prints the variables that point a pipeline at it; more faults, the world's clock and what
    was received are under /_control. What plugins bring for the simulated world is in it.
    """
    from claimx_pipeline.simulator.extending import extend
    from claimx_pipeline.simulator.server import SimulatorServer
    from claimx_pipeline.simulator.world import World

    if serve and write_events is None:
        raise UsageError("--serve goes with --write-events; without that it serves anyway")
    world = World(seed)
    server = SimulatorServer(
        world,
        host,
        port,
        api_token=api_token,
        itel_token=itel_token,
        link_ttl=timedelta(seconds=link_ttl),
    )
    extend(server, context.obj.plugins())
    world.set_clock(world.end(events))
    if write_events is not None:
        _write_events(world, events, write_events)
        if not serve:
            return
    _set_faults(server, latency_ms / 1000, fail_rate, throttle_rate)
    asyncio.run(_until_signal(server, api_token, itel_token))


def _write_events(world: World, count: int, target: Path) -> None:
    import msgspec

    lines = [msgspec.json.encode(event.value) for event in world.events(count)]
    try:
        target.write_bytes(b"\n".join(lines) + b"\n")
    except OSError as error:
        raise ClaimxError(f"cannot write {target}; {reason_of(error)}") from error
    note(f"wrote {count} events to {target}")


def _set_faults(
    server: SimulatorServer, latency: float, fail_rate: float, throttle_rate: float
) -> None:
    from claimx_pipeline.simulator.faults import Fault

    if latency:
        server.faults.add(Fault(kind="latency", seconds=latency))
    if fail_rate:
        server.faults.add(Fault(kind="error", rate=fail_rate))
    if throttle_rate:
        server.faults.add(Fault(kind="throttle", rate=throttle_rate))


async def _until_signal(server: SimulatorServer, api_token: str, itel_token: str) -> None:
    from claimx_pipeline.simulator.extending import connections_of

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with server:
        note(f"simulator at {server.url}; world time {server.world.now.isoformat()}; Ctrl-C ends")
        variables = {
            "CLAIMX_API_URL": server.api_url,
            "CLAIMX_API_TOKEN": api_token,
            "ITEL_CABINET_API_BASE_URL": server.itel_url,
            "ITEL_CABINET_API_TOKEN": itel_token,
        }
        for name, value in variables.items():
            sys.stdout.write(f"export {name}={value}\n")
        sys.stdout.flush()
        for name, url in connections_of(server).items():
            note(f"connections.{name}.base_url: {url}")
        await stop.wait()
    log = server.requests
    note(f"served {log.total} requests; iTel accepted {len(server.submissions)} submissions")
