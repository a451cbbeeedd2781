"""What goes wrong in one run, drawn from a seed."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

from attrs import frozen

from claimx_pipeline.simulator.claimx_api import API_PATH
from claimx_pipeline.simulator.faults import Fault, FaultKind
from claimx_pipeline.simulator.itel_api import ITEL_PATH
from claimx_pipeline.simulator.world import World

EVENTS = 120
WORLDS = 4
"""Different worlds; the undisturbed run is made once for each."""

STEPS = ("kill",) * 6 + ("join",) * 4 + ("leave",) * 2 + ("freeze",)
MEDIA_PATH, BUCKET_PATH, HOOKS_PATH = "/media", "/media/s3", "/webhooks"
OF_FILES = ("empty_file", "error_page", "stall")
"""What the media host alone can do wrong."""
EXPIRED = 8
"""Files whose link has ended when it is first followed."""
TRANSIENT = ("latency", "throttle", "error", "half_body", "black_hole")
CLEARED_AFTER_SECONDS = 5.0
"""Transient faults last no longer, so no record can climb the whole ladder for them."""


@frozen
class FaultPlan:
    """The disturbances of one run, in their order."""

    seed: int
    world: int
    steps: tuple[str, ...]
    """One before each portion of the events."""
    restart: str
    """How the broker ends before it is started again; empty if it does not."""
    faults: tuple[Fault, ...]
    """What the services do wrong for a while."""
    duplicates: tuple[int, ...]
    """Numbers of events that the source publishes twice."""
    poison: int
    """Records that nobody can read, in each topic of which all readers have dead letters."""

    @classmethod
    def of(cls, seed: int, *, restarts: bool) -> FaultPlan:
        """Draw the plan of *seed*."""
        chance = Random(f"faults {seed}")
        steps = [chance.choice(STEPS) for _ in range(chance.randint(9, 13))]
        # Whatever else is drawn: workers are killed, members come.
        steps[chance.randrange(len(steps))] = "kill"
        steps[0] = "join"
        restart = chance.choice(["SIGKILL", "SIGTERM"]) if restarts and seed % 3 == 0 else ""
        if restart:
            steps.insert(chance.randrange(2, len(steps)), "restart")
        return cls(
            seed=seed,
            world=seed % WORLDS,
            steps=tuple(steps),
            restart=restart,
            faults=tuple(_faults(World(seed % WORLDS), chance)),
            duplicates=tuple(_duplicates(World(seed % WORLDS), chance)),
            poison=chance.randint(0, 2),
        )


def _duplicates(world: World, chance: Random) -> list[int]:
    """Return numbers of events: any, and some that bring a form."""
    submitted = {assignment for assignment, _ in world.expected_submissions(EVENTS)}
    forms = [n for n, e in enumerate(world.events(EVENTS)) if e.assignment_id in submitted]
    return chance.sample(range(EVENTS), 8) + chance.sample(forms, 2)


def _faults(world: World, chance: Random) -> Iterator[Fault]:
    """Yield what the services do wrong: each of them in some way, the media host in several."""
    everywhere = (API_PATH, API_PATH, ITEL_PATH, HOOKS_PATH, MEDIA_PATH, "/")
    for kind in chance.sample(TRANSIENT, 4):
        yield _fault(kind, chance.choice(everywhere), chance)
    yield _fault(chance.choice(TRANSIENT), MEDIA_PATH, chance)
    yield Fault(kind=chance.choice(OF_FILES), path=BUCKET_PATH, rate=chance.choice([0.2, 0.5]))
    files = [event.media_id for event in world.events(EVENTS) if event.media_id is not None]
    for media_id in chance.sample(files, EXPIRED):
        # A link is renewed once: twice in a row it is refused for good.
        path = chance.choice([MEDIA_PATH, BUCKET_PATH])
        yield Fault(kind="expired_links", path=f"{path}/{media_id}/", times=1)


def _fault(kind: FaultKind, path: str, chance: Random) -> Fault:
    # A service that fails at times, or one that is away.
    rate = chance.choice([0.2, 0.4, 0.6, 1.0])
    match kind:
        case "latency":
            return Fault(kind=kind, path=path, rate=rate, seconds=0.05, seconds_most=0.8)
        case "throttle":
            return Fault(kind=kind, path=path, rate=rate, seconds=1)
        case "error":
            return Fault(kind=kind, path=path, rate=rate, status=chance.choice([500, 502, 503]))
        case "black_hole":
            return Fault(kind=kind, path=path, rate=min(rate, 0.4), times=6)
        case _:
            return Fault(kind=kind, path=path, rate=rate)


@frozen
class Refused:
    """What the services refuse for good, in every run of a world."""

    assignment: int
    """A task that the API will not tell."""
    media: int
    """A file that is not there, of a project whose forms show none."""

    @classmethod
    def of(cls, world: World) -> Refused:
        """Choose them, the same each time."""
        submitted = {assignment for assignment, _ in world.expected_submissions(EVENTS)}
        events = world.events(EVENTS)
        assignment = next(
            event.assignment_id
            for event in events
            if event.assignment_id is not None and event.assignment_id not in submitted
        )
        with_tasks = {event.project_id for event in events if event.assignment_id is not None}
        media = next(
            event.media_id
            for event in events
            if event.media_id is not None and event.project_id not in with_tasks
        )
        return cls(assignment, media)

    def faults(self) -> list[Fault]:
        """Return the refusals, which no retry heals."""
        paths = (f"{MEDIA_PATH}/{self.media}/", f"{BUCKET_PATH}/{self.media}/")
        task = f"{API_PATH}/customTasks/assignment/{self.assignment}"
        return [
            Fault(kind="error", path=task, status=422),
            *(Fault(kind="error", path=path, status=404) for path in paths),
        ]
