"""Steering a running simulator over HTTP, under ``/_control``.

| request | does |
|---|---|
| ``GET clock`` | tells the world's time |
| ``POST clock`` ``{"at": ISO time}`` or ``{"events": count}`` | moves it on |
| ``GET faults``, ``POST faults`` (fields of ``Fault``), ``DELETE faults[/number]`` | lists, sets, lifts |
| ``GET requests?path=&method=&status=&limit=``, ``DELETE requests`` | shows, forgets |
| ``GET submissions``, ``DELETE submissions`` | what iTel accepted |
| ``GET vendor``, ``POST vendor`` ``{"disconnect_every": n}`` | what the vendor has; its habit |
| ``POST credentials`` ``{"api_token": …, "itel_token": …}`` | changes either or both |
| ``GET counts`` | how much of each |
| ``GET events?count=``, ``GET expected?count=`` | the world's events, what should come of them |
"""  # noqa: E501 - a table

from __future__ import annotations

from datetime import datetime
from typing import Any

from attrs import asdict, frozen
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.simulator.recording import CONTROL
from claimx_pipeline.simulator.simulation import Simulation, answer, json_object, number

_MOST_EVENTS = 1_000_000
"""Events that can be asked for over HTTP, which holds up all other requests."""


@frozen
class Control:
    """Shows and changes the simulation."""

    simulation: Simulation

    def routes(self) -> list[Route]:
        """Return the endpoints; none asks for a credential."""
        paths = {
            ("clock", "GET"): self.clock,
            ("clock", "POST"): self.move_clock,
            ("faults", "GET"): self.faults,
            ("faults", "POST"): self.add_fault,
            ("faults", "DELETE"): self.clear_faults,
            ("faults/{number}", "DELETE"): self.remove_fault,
            ("requests", "GET"): self.requests,
            ("requests", "DELETE"): self.clear_requests,
            ("submissions", "GET"): self.submissions,
            ("submissions", "DELETE"): self.clear_submissions,
            ("vendor", "GET"): self.vendor,
            ("vendor", "POST"): self.change_vendor,
            ("credentials", "POST"): self.credentials,
            ("counts", "GET"): self.counts,
            ("events", "GET"): self.events,
            ("expected", "GET"): self.expected,
        }
        return [
            Route(f"{CONTROL}/{path}", endpoint, methods=[method])
            for (path, method), endpoint in paths.items()
        ]

    async def clock(self, _: Request) -> Response:
        """Tell the world's time."""
        return answer({"now": self.simulation.world.now})

    async def move_clock(self, request: Request) -> Response:
        """Move the world's clock on; back is refused with 409."""
        body = await json_object(request)
        world = self.simulation.world
        at = world.end(_count(body["events"])) if "events" in body else _time(body.get("at"))
        try:
            world.set_clock(at)
        except ClaimxError as error:
            raise HTTPException(409, str(error)) from error
        return answer({"now": world.now})

    async def faults(self, _: Request) -> Response:
        """List the faults that are set."""
        shown = {str(key): asdict(fault) for key, fault in self.simulation.faults.all().items()}
        return answer(shown)

    async def add_fault(self, request: Request) -> Response:
        """Set a fault and tell its number."""
        try:
            fault = Fault(**await json_object(request))
        except (TypeError, ValueError) as error:
            raise HTTPException(400, f"this is not a valid fault: {error}") from error
        return answer({"number": self.simulation.faults.add(fault)}, 201)

    async def clear_faults(self, _: Request) -> Response:
        """Lift all faults."""
        self.simulation.faults.clear()
        return answer({})

    async def remove_fault(self, request: Request) -> Response:
        """Lift one fault."""
        given = number(request.path_params["number"], "number")
        if not self.simulation.faults.remove(given):
            raise HTTPException(404, f"there is no fault {given}")
        return answer({})

    async def requests(self, request: Request) -> Response:
        """Show recorded requests, the latest if a limit is given."""
        query = request.query_params
        status = number(query["status"], "status") if "status" in query else None
        found = self.simulation.requests.find(
            query.get("path", "/"), method=query.get("method"), status=status
        )
        if "limit" in query:
            limit = number(query["limit"], "limit")
            found = found[-limit:] if limit > 0 else []
        return answer([recorded.shown() for recorded in found])

    async def clear_requests(self, _: Request) -> Response:
        """Forget the recorded requests."""
        self.simulation.requests.clear()
        return answer({})

    async def submissions(self, _: Request) -> Response:
        """Show what iTel accepted."""
        return answer([taken.shown() for taken in self.simulation.submissions.accepted])

    async def clear_submissions(self, _: Request) -> Response:
        """Forget what iTel accepted."""
        self.simulation.submissions.clear()
        return answer({})

    async def vendor(self, _: Request) -> Response:
        """Show what the vendor accepted, refused and cut off."""
        vendor = self.simulation.vendor
        return answer(
            {
                "submissions": [taken.shown() for taken in vendor.submissions.accepted],
                "repeats": vendor.submissions.repeats,
                "refused": vendor.refused,
                "cut": vendor.cut,
                "disconnect_every": vendor.disconnect_every,
            }
        )

    async def change_vendor(self, request: Request) -> Response:
        """Let the vendor cut the answer of each so many-th new form off; 0 for none."""
        body = await json_object(request)
        every = body.get("disconnect_every")
        if not isinstance(every, int) or isinstance(every, bool) or every < 0:
            raise HTTPException(400, "give disconnect_every, a whole number of at least 0")
        self.simulation.vendor.disconnect_every = every
        return answer({})

    async def credentials(self, request: Request) -> Response:
        """Change credentials; the old ones are refused from now on."""
        body = await json_object(request)
        unknown = body.keys() - {"api_token", "itel_token"}
        if unknown or not all(isinstance(token, str) for token in body.values()):
            raise HTTPException(400, "give api_token, itel_token or both, as texts")
        self.simulation.api_token = body.get("api_token", self.simulation.api_token)
        self.simulation.itel_token = body.get("itel_token", self.simulation.itel_token)
        return answer({})

    async def counts(self, _: Request) -> Response:
        """Tell how many requests and submissions there were."""
        log, submissions = self.simulation.requests, self.simulation.submissions
        return answer(
            {
                "requests": log.total,
                "statuses": {str(status): count for status, count in log.statuses.items()},
                "most_in_flight": log.most_in_flight,
                "submissions": len(submissions),
                "repeated_submissions": submissions.repeats,
            }
        )

    async def events(self, request: Request) -> Response:
        """Show the first events of the world."""
        events = self.simulation.world.events(_count(request.query_params.get("count")))
        return answer([{"at": event.at, "value": event.value} for event in events])

    async def expected(self, request: Request) -> Response:
        """Show what a correct pipeline makes of the first events."""
        count = _count(request.query_params.get("count"))
        world = self.simulation.world
        tables: dict[str, Any] = {
            kind: sorted(keys) for kind, keys in world.expected(count).items()
        }
        return answer({"tables": tables, "submissions": sorted(world.expected_submissions(count))})


def _count(given: Any) -> int:
    count = number(given, "count of events")
    if not 0 <= count <= _MOST_EVENTS:
        raise HTTPException(400, f"a count of events must be between 0 and {_MOST_EVENTS}")
    return count


def _time(text: Any) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except (TypeError, ValueError) as error:
        raise HTTPException(400, f"at is not an ISO time: {text!r}; or give events") from error
