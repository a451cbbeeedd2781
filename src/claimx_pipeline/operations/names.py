"""Finds what a caller names, and says what there is if it does not exist."""

from __future__ import annotations

from typing import TYPE_CHECKING

from claimx_pipeline.errors import UsageError
from claimx_pipeline.settings.nearest import meant

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.plugins.host.info import PluginInfo
    from claimx_pipeline.runtime.worker import WorkerSpec


def one_worker(pipeline: Pipeline, name: str) -> WorkerSpec:
    """Return the worker called *name*.

    Raises:
        UsageError: There is none, or it is a set of workers.
    """
    if name not in pipeline.workers:
        pipeline.select([name])  # names what there is, if it is not a set either
        raise UsageError(f"{name!r} is a set of workers; name one of them")
    return pipeline.workers[name]


def one_domain(pipeline: Pipeline, name: str) -> Domain:
    """Return the domain called *name*.

    Raises:
        UsageError: There is none.
    """
    if name not in pipeline.domains:
        raise UsageError(
            f"there is no domain {name!r}; {meant(name, pipeline.domains)}"
            f"loaded are {', '.join(pipeline.domains)}; "
            "install the plugin that registers it"
        )
    return pipeline.domains[name]


def domain_of(pipeline: Pipeline, worker: WorkerSpec) -> str:
    """Return the name of the one domain that *worker* belongs to; empty for none or several."""
    domains = [name for name in pipeline.domains if name in worker.sets]
    return domains[0] if len(domains) == 1 else ""


def domains_of_tables(pipeline: Pipeline) -> dict[str, str]:
    """Return the name of each domain's tables to the domain's name."""
    domains = pipeline.domains.values()
    return {table.name: each.name for each in domains for table in each.all_tables()}


def one_plugin(pipeline: Pipeline, name: str) -> PluginInfo:
    """Return what is known of the plugin called *name*.

    Raises:
        UsageError: There is none.
    """
    info = pipeline.plugins.infos.get(name)
    if info is None:
        known = ", ".join(sorted(pipeline.plugins.infos)) or "none"
        hint = meant(name, pipeline.plugins.infos)
        raise UsageError(f"there is no plugin {name!r}; {hint}there are: {known}")
    return info
