"""The pipeline's own parts, offered through the same hooks that plugins use.

Imports are inside the functions: ``claimx-run --help`` asks for the commands only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from claimx_pipeline.hooks.command import Command
from claimx_pipeline.hooks.markers import hookimpl

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import Broker, BrokerFactory
    from claimx_pipeline.delta.importing.old_table import OldTable
    from claimx_pipeline.delta.querying.queries import NamedQuery
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.settings.tree.settings import SettingsSection
    from claimx_pipeline.sources.protocol import SourceSpec, SourceType
    from claimx_pipeline.stages.protocol import Stage


@hookimpl
def claimx_register_settings() -> SettingsSection:
    """Know the predecessor's variables and keys; no section of its own."""
    from claimx_pipeline.claimx.predecessor.keys import KEYS
    from claimx_pipeline.claimx.predecessor.variables import PREFIXES, VARIABLES
    from claimx_pipeline.settings.tree.settings import SettingsSection

    return SettingsSection(
        name="predecessor", former=VARIABLES, former_prefixes=PREFIXES, former_keys=KEYS
    )


@hookimpl
def claimx_register_brokers() -> Mapping[str, BrokerFactory]:
    """Offer Kafka and the embedded broker."""
    return {"kafka": _kafka, "sqlite": _sqlite}


def _kafka(url: str, settings: Any) -> Broker:
    from claimx_pipeline.broker.kafka.broker import KafkaBroker

    return KafkaBroker(url, settings)


def _sqlite(url: str, settings: Any) -> Broker:
    from claimx_pipeline.broker.sqlite.broker import SqliteBroker

    return SqliteBroker(url, settings)


@hookimpl
def claimx_register_domains() -> Iterable[Domain]:
    """Offer ClaimX."""
    from claimx_pipeline.claimx.domain import CLAIMX

    return [CLAIMX]


@hookimpl
def claimx_register_tables(domains: Sequence[Domain]) -> Iterable[TableSpec]:
    """Declare the tables of every domain."""
    return [table for domain in domains for table in domain.all_tables()]


@hookimpl
def claimx_register_old_tables() -> Iterable[OldTable]:
    """Tell what the predecessor's tables look like."""
    from claimx_pipeline.claimx.predecessor.tables import OLD_TABLES

    return OLD_TABLES


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    """Offer the stages that chains are usually made of."""
    from claimx_pipeline.stages.delta import DeltaStage
    from claimx_pipeline.stages.lookup import LookupStage
    from claimx_pipeline.stages.send import SendStage
    from claimx_pipeline.stages.transform import TransformStage
    from claimx_pipeline.stages.validation import ValidationStage

    return {
        "transform": TransformStage,
        "validation": ValidationStage,
        "lookup": LookupStage,
        "delta": DeltaStage,
        "send": SendStage,
    }


@hookimpl
def claimx_register_workers(domains: Sequence[Domain]) -> Iterable[WorkerSpec]:
    """Offer the workers of every domain, and those that serve all of them."""
    from claimx_pipeline.workers import actions, maintenance, retry

    yield from (worker for domain in domains for worker in _workers_of(domain))
    yield actions.worker(domains)
    yield retry.WORKER
    yield maintenance.worker()


def _workers_of(domain: Domain) -> Iterator[WorkerSpec]:
    """Yield the workers of *domain*, in the order of the flow."""
    from claimx_pipeline.workers import enrichment, entities, events, file_workers, ingest

    for room in (ingest, events, enrichment, entities):
        yield room.worker(domain)
    if (flow := domain.file_flow) is not None:
        yield file_workers.download_worker(flow)
        yield file_workers.upload_worker(flow)
        yield file_workers.results_worker(flow)


@hookimpl
def claimx_register_sources() -> Iterable[SourceSpec | SourceType]:
    """Offer files and tables as sources."""
    from claimx_pipeline.sources.shipped import TYPES

    return TYPES


@hookimpl
def claimx_register_queries() -> Iterable[NamedQuery]:
    """Offer the queries that a newcomer asks first."""
    from claimx_pipeline.claimx.queries import QUERIES

    return QUERIES


@hookimpl
def claimx_register_commands() -> Iterable[Command]:
    """Offer the commands of ``claimx-run``."""
    start, run, look, mend = "Start here", "Run", "Look", "Change and mend"
    cli = "claimx_pipeline.cli"
    return [
        Command(
            "demo",
            "Run everything on sample events and show the result.",
            f"{cli}.demo:app",
            start,
        ),
        Command("init", "Write a commented claimx.yaml to start from.", f"{cli}.init:app", start),
        Command("config", "Check and show the settings.", f"{cli}.config:app", start),
        Command("worker", "Run workers, or list them.", f"{cli}.worker:app", run),
        Command("up", "Run every worker.", f"{cli}.up:app", run),
        Command(
            "publish", "Publish events from a file, or any records.", f"{cli}.publish:app", run
        ),
        Command(
            "backfill",
            "Publish the events of files or a table, at a rate.",
            f"{cli}.backfill:app",
            run,
        ),
        Command("simulate", "Serve simulated APIs to try things on.", f"{cli}.simulate:app", run),
        Command(
            "export",
            "Write units that run workers in production.",
            f"{cli}.export:app",
            run,
        ),
        Command(
            "monitoring",
            "Write dashboards for Grafana and alerts for Prometheus.",
            f"{cli}.monitoring:app",
            run,
        ),
        Command("console", "Serve pages for operators.", f"{cli}.console:app", run),
        Command("status", "Show how everything is, in one screen.", f"{cli}.status:app", look),
        Command("doctor", "Say what is wrong, and what to do about it.", f"{cli}.doctor:app", look),
        Command("trace", "Find an event, project or file.", f"{cli}.trace:app", look),
        Command("query", "Ask the tables with SQL.", f"{cli}.query:app", look),
        Command("compare", "Compare two tables, key by key.", f"{cli}.compare:app", look),
        Command("plugins", "List the plugins, make and try one.", f"{cli}.plugins:app", look),
        Command("topics", "List, create, read and delete topics.", f"{cli}.topics:app", mend),
        Command("tables", "List, show, create and maintain tables.", f"{cli}.tables:app", mend),
        Command("dlq", "See, replay and export dead letters.", f"{cli}.dlq:app", mend),
        Command(
            "offsets",
            "Compare what tables and groups have, and repair it.",
            f"{cli}.offsets:app",
            mend,
        ),
        Command("verify", "Send marked events through your settings.", f"{cli}.verify:app", mend),
        Command("erase", "Erase projects from tables, files and topics.", f"{cli}.erase:app", mend),
        Command("completion", "Make your shell complete names.", f"{cli}.completion:app", start),
    ]
