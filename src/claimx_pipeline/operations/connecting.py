"""What the outside says: broker, tables and services, each asked once and none changed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.errors import (
    Category,
    ClaimxError,
    Problem,
    RecordError,
    TableError,
    problems_of,
)
from claimx_pipeline.operations.checking import Checked
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.settings.loading.paths import format_path

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection
    from claimx_pipeline.pipeline import Pipeline

SECONDS = 10.0
"""How long a service may take over its answer."""

CONNECTIONS = "connections."


async def ask_services(pipeline: Pipeline, workers: Sequence[str] = ()) -> Checked:
    """Ask broker, tables and services whether they can be used.

    Args:
        pipeline: The pipeline; it was checked.
        workers: Names of workers or of sets of them whose tables and services are asked; those of
            all workers if none is given.

    Returns:
        As problems what does not answer or refuses, as warnings what has not been created yet and
        what the settings say otherwise.

    Raises:
        UsageError: There is no worker or set of a name.
    """
    chosen = pipeline.select(workers) if workers else [*pipeline.workers.values()]
    tables = dict.fromkeys(name for worker in chosen for name in worker.tables)
    needs = dict.fromkeys(need for worker in chosen for need in worker.needs)
    problems: list[Problem] = []
    warnings: list[Problem] = []
    await _broker(pipeline, problems, warnings)
    await _tables(pipeline, tables if workers else pipeline.tables, problems, warnings)
    await _connections(pipeline, needs, problems)
    return Checked(problems=problems, warnings=warnings, pipeline=pipeline)


async def differing_topics(pipeline: Pipeline) -> list[Problem]:
    """Return, as warnings, which topics have other partitions than the settings say.

    Raises:
        BrokerError: The broker did not answer.
    """
    async with open_admin(pipeline) as admin:
        existing = await admin.topics()
    return list(_differing(pipeline, existing))


async def _broker(pipeline: Pipeline, problems: list[Problem], warnings: list[Problem]) -> None:
    where = pipeline.where("broker.url")
    try:
        async with open_admin(pipeline) as admin:
            existing = await admin.topics()
    except ClaimxError as error:
        problems += problems_of(error, where)
        return
    missing = [each.name for each in pipeline.topology.new_topics() if each.name not in existing]
    if missing:
        listed = ", ".join(missing[:3]) + (" and others" if missing[3:] else "")
        what = f"{len(missing)} topics are not created yet ({listed})"
        warnings.append(Problem(where, f"{what}; create them with 'claimx-run topics create'"))
    warnings += _differing(pipeline, existing)


def _differing(pipeline: Pipeline, existing: Mapping[str, int]) -> Iterable[Problem]:
    for topic in pipeline.topology.new_topics():
        partitions = existing.get(topic.name)
        if partitions in (None, topic.partitions):
            continue
        name = pipeline.topology.logical(topic.name)
        yield Problem(
            pipeline.where(format_path(("broker", "topics", name, "partitions"))),
            f"topic {topic.name!r} has {partitions} partitions, the settings say "
            f"{topic.partitions}; it stays as it is",
        )


async def _tables(
    pipeline: Pipeline, names: Iterable[str], problems: list[Problem], warnings: list[Problem]
) -> None:
    store, missing = pipeline.table_store, []
    for name in names:
        own = name in pipeline.settings.tables.paths
        path = ("tables", "paths", name) if own else ("tables", "root")
        where = pipeline.where(format_path(path))
        try:
            if await asyncio.to_thread(store.exists, name):
                await asyncio.to_thread(store.compare, name)
            else:
                missing.append(name)
        except (TableError, RecordError) as error:
            problems += problems_of(error, where)
    if missing:
        listed = ", ".join(missing[:3]) + (" and others" if missing[3:] else "")
        what = f"{len(missing)} tables are not created yet ({listed})"
        where = pipeline.where("tables.root")
        warnings.append(Problem(where, f"{what}; create them with 'claimx-run tables create'"))


async def _connections(pipeline: Pipeline, needs: Iterable[str], problems: list[Problem]) -> None:
    wanted = [need.removeprefix(CONNECTIONS) for need in needs if need.startswith(CONNECTIONS)]
    wanted += pipeline.registrations.brought_connections
    connections = pipeline.connections()
    try:
        for name in dict.fromkeys(wanted):
            where = pipeline.where(format_path(("connections", name)))
            if name not in connections.names:
                continue
            try:
                connection = connections.get(name)
            except ClaimxError as error:
                # A variable without a value has been warned of.
                problems += [each for each in problems_of(error, where) if not each.missing]
                continue
            if why := await _asked(connection):
                problems.append(Problem(where, why))
    finally:
        await connections.close()


async def _asked(connection: Connection) -> str:
    """Return why the service of *connection* cannot be used; empty if it can."""
    probe = connection.settings.probe
    try:
        await connection.request("GET", probe or "", timeout_seconds=SECONDS)
    except RequestFailedError as error:
        answered = error.answer is not None
        refused = error.category is Category.AUTH
        # Without a probe it is only asked whether anybody answers.
        return "" if answered and not refused and probe is None else error.reason
    return ""
