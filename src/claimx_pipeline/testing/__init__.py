"""The kit for authors of plugins: everything real, in one process, from one fixture.

``Sandbox`` is a pipeline of a test's own: simulated APIs behind real HTTP,
the embedded broker, real Delta tables. Installing ``claimx-pipeline`` gives pytest its
fixtures (``claimx_sandbox`` and those beside it). ``StageContract``, ``PluginContract`` and
``BrokerContract`` are test suites to inherit.
"""

from claimx_pipeline.simulator.entities import (
    Completion,
    Link,
    Media,
    Person,
    Project,
    Task,
    TeamMember,
    Video,
    WorldEvent,
)
from claimx_pipeline.simulator.events import SimulatedEvents
from claimx_pipeline.simulator.routes import SimulatedRoute
from claimx_pipeline.simulator.world import World
from claimx_pipeline.testing.broker_contract import BrokerContract
from claimx_pipeline.testing.builders import MadeRecord, make_event, make_item, make_record
from claimx_pipeline.testing.contexts import make_context
from claimx_pipeline.testing.contracts import PluginContract, StageContract
from claimx_pipeline.testing.sandbox import Sandbox

__all__ = [
    "BrokerContract",
    "Completion",
    "Link",
    "MadeRecord",
    "Media",
    "Person",
    "PluginContract",
    "Project",
    "Sandbox",
    "SimulatedEvents",
    "SimulatedRoute",
    "StageContract",
    "Task",
    "TeamMember",
    "Video",
    "World",
    "WorldEvent",
    "make_context",
    "make_event",
    "make_item",
    "make_record",
]
