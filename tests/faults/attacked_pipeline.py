"""A whole pipeline that lasts through attacks, and what its world comes to without any."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import yaml
from attrs import frozen

from claimx_pipeline.delta.contents import Contents
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.faults.evidence import HOOK, Calls, calls_made, judge_evidence, without_address
from tests.faults.plan import EVENTS, Refused
from tests.faults.second import Second, write_plugin
from tests.rigs import topics
from tests.rigs.whole_pipeline import WholePipeline, whole_pipeline

SESSION_SECONDS = 4.0
API_SECONDS = 3.0
PATIENCE_SECONDS = 300.0
"""How long a run may take to deal with everything: far more than it needs, even on a slow machine."""

SETTINGS = """\
broker:
  url: "{url}"
  prefix: "{prefix}"
  deadline_seconds: 8
  kafka: {{session_timeout_seconds: SESSION}}
claimx:
  api: {{base_url: {api}, token: demo-token, CALLS}}
connections:
  itel_cabinet_api: {{base_url: {itel}, auth_token: demo-itel-token, CALLS}}
  {connections}
tables: {{root: {folder}/tables}}
storage: {{files: {{root: {folder}/files}}, cache: {{root: {folder}/cache}}}}
media:
  development_hosts: ["{media_host}"]
  work_dir: {folder}/partial
  RANGES
  read_timeout_seconds: ANSWER
  max_retries: 1
  backoff_seconds: 0.1
  breaker_open_seconds: 1
plugins: {plugins}
retry: {{delays_seconds: [0.5, 1, 2, 4, 8]}}
health: {{port: 0}}
workers:
  events: {{linger_seconds: LINGER}}
  entities: {{linger_seconds: LINGER}}
  results: {{linger_seconds: LINGER}}
  itel-tracking: {{linger_seconds: LINGER}}
  itel-media: {{linger_seconds: LINGER}}
  itel-results: {{linger_seconds: LINGER}}
"""
CALLS = "timeout_seconds: ANSWER, max_retries: 0, breaker_open_seconds: 1"
CONNECTIONS = "hooks: {base_url: {simulator}, CALLS}"


def filled(template: str) -> str:
    """Return a template with the times of a fault run."""
    template = template.replace("LINGER", "0.1").replace("  RANGES\n", "")
    told = template.replace("CALLS", CALLS).replace("ANSWER", str(API_SECONDS))
    return told.replace("SESSION", str(SESSION_SECONDS))


def write_hooks(folder: Path, world: World) -> None:
    """Write a directory plugin that calls a webhook for every event of a task."""
    hook = {"on_any": {"webhook": {"connection": "hooks", "path": HOOK}}}
    world.set_clock(world.end(EVENTS))
    tasks = [
        world.task(event.assignment_id)
        for event in world.events(EVENTS)
        if event.assignment_id is not None
    ]
    config = {
        "name": "hooks",
        "module": "claimx_pipeline.plugins.task_trigger",
        "class": "TaskTriggerPlugin",
        "config": {"triggers": {task.template_id: hook for task in tasks}},
    }
    plugin = folder / "plugins" / "hooks" / "config.yaml"
    plugin.parent.mkdir(parents=True)
    plugin.write_text(yaml.safe_dump(config))


@contextlib.asynccontextmanager
async def attacked(
    folder: Path,
    seed: int,
    *,
    settings: str = SETTINGS,
    server: Callable[[World], SimulatorServer] = SimulatorServer,
    second: Second | None = None,
    **place: str,
) -> AsyncIterator[WholePipeline]:
    """Set up a pipeline over the world *seed* in which the refusals of every run are set."""
    write_hooks(folder, World(seed))
    if second is not None:
        write_plugin(folder)
        settings = second.settings(settings)
    async with whole_pipeline(
        folder,
        seed=seed,
        settings=filled(settings),
        plugins=f"{{dir: {folder}/plugins}}",
        connections=filled(CONNECTIONS),
        server=server,
        **place,
    ) as whole:
        for fault in Refused.of(whole.world).faults():
            whole.simulator.faults.add(fault)
        yield whole


@frozen
class Expected:
    """What a world comes to when nothing goes wrong but what no retry heals."""

    tables: Mapping[str, Contents]
    calls: Calls


async def undisturbed(folder: Path, world: int, second: Second | None = None) -> Expected:
    """Run the pipeline without faults, and see that it has done all that it should."""
    async with attacked(folder, world, second=second) as whole:
        whole.start()
        await whole.publish(EVENTS)
        if second is not None:
            await topics.publish(whole.pipeline.broker(), second.records(whole.pipeline))
        await whole.idle(PATIENCE_SECONDS)
        calls = {key: requests[0].body for key, requests in calls_made(whole).items()}
        refused = Refused.of(whole.world)
        stored = whole.rows("SELECT media_id FROM claimx_attachments WHERE status = 'completed'")
        files = whole.world.expected_files(EVENTS).keys() - {str(refused.media)}
        assert {row["media_id"] for row in stored} == files
        tasks = [event.assignment_id for event in whole.world.events(EVENTS)]
        assert len(calls) == sum(each not in (None, refused.assignment) for each in tasks)
        evidence = await judge_evidence(whole, calls, [], [])
        assert evidence.wrong == []
        if second is not None:
            assert await second.wrong(whole) == []
        hosts = [second.host.url] if second is not None else []
        return Expected(without_address(whole, await whole.contents(), *hosts), calls)
