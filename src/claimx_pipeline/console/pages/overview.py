"""How everything is now: what is wrong on top, the flow with its numbers, the last hours."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline import operations
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.console import drawing
from claimx_pipeline.console.history import LOOK_SECONDS
from claimx_pipeline.console.rendering import Console, number

if TYPE_CHECKING:
    from claimx_pipeline.operations import PipelineStatus, WorkerStatus
    from claimx_pipeline.topics import Topology

NOT_RUNNING = "not running"
HOURS = 3.0
"""How far back the lines go that Prometheus has."""
_WELL = frozenset({"ready", "running", NOT_RUNNING})


async def overview(request: Request) -> Response:
    """Show the flow, and what is wrong."""
    console = Console.of(request)
    status = await console.history.look()
    return console.page(
        request,
        "overview.html",
        status=status,
        error=console.history.error,
        wrong=wrong(status) if status else [],
        flow=_picture(console, drawing.flow, status),
        tree=_picture(console, drawing.tree, status),
        total_rate=_sum_of_rates(console),
        total_lag=_line(console, "lag"),
        dead=_line(console, "dead"),
        seconds=LOOK_SECONDS,
    )


async def workers(request: Request) -> Response:
    """Show each worker with its members, rate and lag, now and over the last hours."""
    console = Console.of(request)
    status = await console.history.look()
    past, past_error = await _past(console)
    samples = [] if past else list(console.history.samples)
    drawn = {}
    for worker in status.workers if status else ():
        known = past.get(worker.worker)
        rates = known.rates if known else [each.rates.get(worker.worker, 0.0) for each in samples]
        lags = known.lags if known else [float(each.lags.get(worker.worker, 0)) for each in samples]
        drawn[worker.worker] = (
            _drawn(rates, f"records per second of {worker.worker}"),
            _drawn(lags, f"lag of {worker.worker}"),
        )
    specs = console.pipeline.workers
    return console.page(
        request,
        "workers.html",
        status=status,
        error=console.history.error,
        drawn=drawn,
        specs=specs,
        since=samples[0].at if samples else None,
        from_prometheus=bool(past),
        past_error=past_error,
    )


def _picture(
    console: Console, draw: Callable[[Topology, Sequence[WorkerStatus]], str], status: Any
) -> Markup:
    workers = status.workers if status else ()
    return Markup(draw(console.pipeline.topology, workers))  # noqa: S704 - drawing escapes


async def _past(console: Console) -> tuple[Mapping[str, operations.WorkerPast], str]:
    """Return what Prometheus knows of the last hours, if one is set, else why it is not known."""
    url = console.settings.prometheus_url
    if not url:
        return {}, ""
    try:
        return await operations.past_of_workers(console.pipeline, url, hours=HOURS), ""
    except RequestFailedError as error:
        return {}, str(error)


def wrong(status: PipelineStatus) -> list[tuple[str, str, str]]:
    """Return what is wrong, the worst first: a title, a sentence, and the page that shows it."""
    found = [
        (f"{each.worker} is {each.state}", each.reason, "/workers")
        for each in status.workers
        if each.state not in _WELL
    ]
    found += [
        (f"{each.worker} does not run", f"{_records(each.lag)} for it; start it", "/workers")
        for each in status.workers
        if each.state == NOT_RUNNING and each.lag
    ]
    dead = sum(cause.count for cause in status.dead) + status.dead_older
    if dead:
        causes = f"{len(status.dead)} cause{'s' if len(status.dead) != 1 else ''}"
        found.append(
            (
                f"{number(dead)} dead letter{'s' if dead != 1 else ''}",
                f"of {causes}",
                "/dead-letters",
            )
        )
    found += [
        (f"table {each.table} cannot be opened", each.error, "/tables")
        for each in status.tables
        if each.error
    ]
    return [*found, *(("warning", warning, "/topics") for warning in status.warnings)]


def _records(count: int) -> str:
    return "1 record waits" if count == 1 else f"{number(count)} records wait"


def _sum_of_rates(console: Console) -> tuple[Markup, str]:
    values = [sum(sample.rates.values()) for sample in console.history.samples]
    return _drawn(values, "records per second"), number(values[-1] if values else None)


def _line(console: Console, what: str) -> tuple[Markup, str]:
    samples = console.history.samples
    values = [float(sum(s.lags.values()) if what == "lag" else s.dead) for s in samples]
    return _drawn(values, what), number(int(values[-1]) if values else None)


def _drawn(values: Sequence[float], label: str) -> Markup:
    return Markup(drawing.lines(values, label))  # noqa: S704 - drawing escapes
