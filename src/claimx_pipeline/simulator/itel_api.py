"""The iTel Cabinet API, and a receiver for whatever is posted to a webhook."""

from __future__ import annotations

from attrs import frozen
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from claimx_pipeline.simulator.simulation import Simulation, answer, authorized, json_object

ITEL_PATH = "/itel"


@frozen
class ItelApi:
    """Accepts cabinet repair tasks."""

    simulation: Simulation

    def routes(self) -> list[Route]:
        """Return the endpoint, which asks for a bearer token."""
        return [Route(f"{ITEL_PATH}/api/v1/tasks", self.submit, methods=["POST"])]

    async def submit(self, request: Request) -> Response:
        """Accept a submission; a key that came before gets its first answer again."""
        simulation = self.simulation
        authorized(request, simulation.itel_token, "bearer")
        body = await json_object(request)
        key = request.headers.get("idempotency-key")
        taken = simulation.submissions.take(body, key, simulation.clock.now())
        accepted = {"success": True, "itel_task_id": taken.itel_task_id, "message": "accepted"}
        return answer(accepted)


def webhook_routes() -> list[Route]:
    """Return the receiver of webhooks; the request log has what came."""

    async def received(_: Request) -> Response:
        return answer({"received": True})

    return [Route("/webhooks/{name:path}", received, methods=["POST", "PUT", "PATCH"])]
