"""Writes what runs the workers in production, made from the workers that there are."""

from __future__ import annotations

import importlib.metadata
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from claimx_pipeline.deploy.compose import compose_files
from claimx_pipeline.deploy.image import image_files
from claimx_pipeline.deploy.kubernetes import OWN, kubernetes_files
from claimx_pipeline.deploy.model import (
    CLOSING_SECONDS,
    FIRST_PORT,
    DeployedVariable,
    DeployedWorker,
    Deployment,
)
from claimx_pipeline.deploy.systemd import MachinePaths, systemd_files
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.monitoring import RUNBOOKS, monitoring_files
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec

Target = Literal["systemd", "kubernetes", "compose", "image"]

_REFERRED = re.compile(r"\$\{(\w+)\}")
_KEPT = ("claimx.yaml", OWN)
"""Names and folders of what a user changes: written only where nothing is."""


def export_deployment(
    pipeline: Pipeline,
    target: Target,
    folder: Path,
    *,
    program: str = MachinePaths().program,
    settings: str = MachinePaths().settings,
    state: str = MachinePaths().state,
    logs: str = MachinePaths().logs,
) -> list[Path]:
    """Write the files that run every worker of *pipeline*, and return them.

    Files of an earlier export are replaced, but not what a user changes: ``claimx.yaml`` and the
    overlay of Kubernetes stay as they are.

    Args:
        pipeline: Its workers are deployed, those of plugins and of the settings included.
        target: ``systemd``, ``kubernetes``, ``compose``, or ``image`` for the Dockerfile.
        folder: Created if it is missing.
        program: Path of ``claimx-run`` on the machine; this and the following for systemd only.
        settings: Folder of the settings and their variables on the machine.
        state: Folder that the workers run in.
        logs: Folder of log files, for those who want files.

    Raises:
        UsageError: Two workers would be one service, a path is not absolute, or a file cannot be
            written.
    """
    paths = MachinePaths(program=program, settings=settings, state=state, logs=logs)
    files = _files(pipeline, target, paths)
    written = []
    for name, text in files.items():
        file = folder / name
        if name.startswith(_KEPT) and file.exists():
            continue
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            reason = reason_of(error)
            raise UsageError(f"{file} cannot be written: {reason}; name another folder") from error
        written.append(file)
    return written


def _files(pipeline: Pipeline, target: Target, paths: MachinePaths) -> Mapping[str, str]:
    if target == "image":
        return image_files()
    deployment = described_deployment(pipeline)
    if target == "systemd":
        for path in (paths.program, paths.settings, paths.state, paths.logs):
            if not re.fullmatch(r"/[\w./+-]+", path):
                raise UsageError(
                    f"{path!r} is not a valid path for a unit; write an absolute one without blanks"
                )
        return systemd_files(deployment, paths)
    if target == "kubernetes":
        return kubernetes_files(deployment)
    watched = monitoring_files(pipeline, RUNBOOKS)
    return compose_files(deployment) | {
        f"monitoring/{name}": each for name, each in watched.items()
    }


def described_deployment(pipeline: Pipeline) -> Deployment:
    """Return what is to be deployed.

    Raises:
        UsageError: Two workers would be one service.
    """
    workers = [
        _deployed(pipeline, worker, FIRST_PORT + number)
        for number, worker in enumerate(pipeline.workers.values())
    ]
    names: dict[str, str] = {}
    for each in workers:
        other = names.setdefault(each.service, each.name)
        if other != each.name:
            raise UsageError(
                f"workers {other!r} and {each.name!r} would both be service {each.service!r}; "
                "rename one of them in the settings"
            )
    return Deployment(
        version=importlib.metadata.version("claimx-pipeline"),
        workers=workers,
        variables=list(_variables(pipeline)),
    )


def _deployed(pipeline: Pipeline, worker: WorkerSpec, port: int) -> DeployedWorker:
    topology, given = pipeline.topology, pipeline.settings.broker.topics
    partitions = [
        (topic.name in given and given[topic.name].partitions) or topic.partitions
        for topic in worker.reads
    ]
    return DeployedWorker(
        name=worker.name,
        service=_service(worker),
        summary=worker.summary,
        group=topology.group(worker.group),
        topics=[topology.physical(topic.name) for topic in worker.reads],
        members=max(partitions, default=1),
        waits=bool(worker.drains),
        stop_seconds=math.ceil(worker.stop_seconds) + CLOSING_SECONDS,
        port=port,
    )


def _service(worker: WorkerSpec) -> str:
    """Return the name of its service: its set, its own name, and what it is."""
    name = re.sub(r"[^a-z0-9]+", "-", worker.name.lower()).strip("-")
    named = any(name.startswith(f"{each}-") for each in worker.sets)
    return f"{name}-worker" if named else f"claimx-{name}-worker"


def _variables(pipeline: Pipeline) -> Iterator[DeployedVariable]:
    """Yield every variable that the settings read, whatever the environment holds now."""
    loaded = pipeline.loaded
    read = dict(CORE_ENVIRONMENT)
    needed: dict[str, str] = {}
    for section in loaded.sections:
        read |= section.environment
        needed |= dict.fromkeys(_REFERRED.findall(section.defaults), f"a default of {section.name}")
    for setting in loaded.unresolved:
        needed |= {name: setting.path for name in setting.variables if name not in read}
    for name, path in {**needed, **read}.items():
        yield DeployedVariable(name=name, setting=path, needed=name in needed)
