"""The user's settings, kept apart: another prefix, other folders, and requests as files."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import evolve

from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.stages.from_settings import stages_of
from claimx_pipeline.system_errors import reason_of
from claimx_pipeline.topics import ACTIONS_PENDING

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.settings.tree.broker import BrokerSettings
    from claimx_pipeline.settings.tree.connections import ConnectionSettings
    from claimx_pipeline.settings.tree.settings import Settings

_FOR_EVER = datetime.max.replace(tzinfo=UTC)


def apart(pipeline: Pipeline, mark: str, scratch: Path, out: Path, *, send: bool) -> Pipeline:
    """Return a pipeline with the same settings that shares nothing of what *pipeline* keeps.

    Args:
        pipeline: The user's.
        mark: Names prefix and folders.
        scratch: Folder for what is kept on this machine.
        out: Folder for requests that are not sent.
        send: Leave connections as they are.

    Raises:
        UsageError: A domain stores its files where they cannot be kept apart.
    """
    given = pipeline.loaded.settings
    storage = evolve(
        given.storage,
        files=evolve(given.storage.files, root=_below(given.storage.files.root, mark)),
        cache=evolve(given.storage.cache, root=_below(given.storage.cache.root, mark)),
    )
    settings = evolve(
        given,
        broker=_broker(given.broker, mark, scratch),
        tables=evolve(given.tables, root=_below(given.tables.root, mark), paths={}),
        storage=storage,
        media=evolve(given.media, work_dir=str(scratch / "partial")),
        health=evolve(given.health, port=0),
        sources={},
    )
    if not send:
        settings = evolve(settings, connections=_as_files(pipeline, settings, out))
    trial = evolve(pipeline, loaded=evolve(pipeline.loaded, settings=settings))
    _see_apart(pipeline, trial)
    return trial


def _below(root: str, mark: str) -> str:
    return f"{root.rstrip('/')}/{mark}"


def _broker(given: BrokerSettings, mark: str, scratch: Path) -> BrokerSettings:
    """Return the same broker by another prefix; the embedded one as a file of its own."""
    topics = {name: evolve(each, name=None) for name, each in given.topics.items()}
    url = f"sqlite:///{scratch}/broker.db" if given.url.startswith("sqlite:") else given.url
    prefix = f"{given.prefix}{mark}."
    return evolve(given, url=url, prefix=prefix, topics=topics, groups={})


def _as_files(
    pipeline: Pipeline, settings: Settings, out: Path
) -> Mapping[str, ConnectionSettings]:
    """Return the connections, of which those that are written to write files."""
    looked_up = {
        getattr(spec.config, "connection", "")
        for worker in pipeline.workers.values()
        for spec in stages_of(worker, pipeline.settings)
        if spec.type == "lookup"
    }
    return {
        name: each
        if name in looked_up
        else evolve(each, base_url=f"file://{out / name}", probe=None)
        for name, each in settings.connections.items()
    }


def sending_workers(pipeline: Pipeline) -> list[str]:
    """Return the workers that would send something that cannot be written as files.

    Webhooks and actions; and chains that send to a domain's own API, which is asked as well.
    """
    apis = {
        name
        for domain in pipeline.domains.values()
        for name in domain.connections(pipeline.settings)
    }
    found = []
    for name, worker in pipeline.workers.items():
        sends = any(
            spec.type == "send" and getattr(spec.config, "connection", "") in apis
            for spec in stages_of(worker, pipeline.settings)
        )
        if sends or any(topic.name == ACTIONS_PENDING.name for topic in worker.reads):
            found.append(name)
    return found


def _see_apart(pipeline: Pipeline, trial: Pipeline) -> None:
    for domain in pipeline.domains.values():
        flow = domain.file_flow
        if flow is None:
            continue
        if flow.store(pipeline.settings).root == flow.store(trial.settings).root:
            raise UsageError(
                f"domain {domain.name!r} does not store its files below storage.files.root, so "
                "those of a verification could not be kept apart; verify without its plugin"
            )


async def emptied(trial: Pipeline) -> list[str]:
    """Delete the folders of tables and files; return what is left, in sentences."""
    settings = trial.settings
    storage, tables = settings.storage, settings.tables
    problems = []
    for what, root, options in (
        ("tables", tables.root, {**storage.options, **tables.storage_options}),
        ("storage.files", storage.files.root, storage.files.options),
        ("storage.cache", storage.cache.root, storage.cache.options),
    ):
        try:
            await _empty(trial, what, root, options)
        except (ClaimxError, OSError) as error:
            problems.append(f"{root} is left, delete it: {reason_of(error)}")
    return problems


async def _empty(trial: Pipeline, what: str, root: str, options: Mapping[str, Secret]) -> None:
    if "://" not in root:
        await asyncio.to_thread(shutil.rmtree, root, ignore_errors=False, onerror=_unless_missing)
        return
    store = open_store(root, options, what, trial.settings.storage)
    try:
        paths = [each.path async for each in store.older_than(_FOR_EVER)]
        for path in paths:
            await store.delete(path)
    finally:
        await store.close(trial.clock)


def _unless_missing(_: object, __: str, found: tuple[type, BaseException, object]) -> None:
    if not isinstance(found[1], FileNotFoundError):
        raise found[1]
