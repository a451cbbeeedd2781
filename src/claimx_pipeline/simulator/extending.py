"""What plugins add to the simulated world: events that happen in it, and what services answer."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

from claimx_pipeline.errors import HookFailedError
from claimx_pipeline.isolation import as_failure, described
from claimx_pipeline.simulator.events import SimulatedEvents
from claimx_pipeline.simulator.routes import SERVICES_PATH, SimulatedRoute

if TYPE_CHECKING:
    from claimx_pipeline.simulator.server import SimulatorServer

HOOK = "claimx_extend_simulation"


class LoadedPlugins(Protocol):
    """The plugins, as far as they are looked at here."""

    manager: pluggy.PluginManager


def extend(server: SimulatorServer, plugins: LoadedPlugins) -> None:
    """Add to the simulator what the loaded *plugins* bring for it; nothing may have happened yet.

    Raises:
        HookFailedError: A plugin raised, or returned something else.
    """
    implementations = getattr(plugins.manager.hook, HOOK).get_hookimpls()
    for each in sorted(implementations, key=lambda found: found.plugin_name):
        arguments = [server.world] if "world" in each.argnames else []
        try:
            answer: Iterable[Any] = each.function(*arguments) or ()
            parts = list(answer)
        except BaseException as error:
            failed = as_failure(error, awaited=False)
            raise HookFailedError(each.plugin_name, HOOK, described(failed)) from error
        for part in parts:
            if isinstance(part, SimulatedRoute):
                server.simulation.routes.insert(0, part)
            elif isinstance(part, SimulatedEvents):
                server.world.extend(part)
            else:
                reason = f"it returned {part!r:.60}, not a SimulatedRoute or SimulatedEvents"
                raise HookFailedError(each.plugin_name, HOOK, reason)


def connections_of(server: SimulatorServer) -> Mapping[str, str]:
    """Return the base URL of each connection that a plugin's routes answer for.

    The server has to listen already.
    """
    names = sorted({each.connection for each in server.simulation.routes if each.connection})
    return {name: f"{server.url}{SERVICES_PATH}/{name}" for name in names}
