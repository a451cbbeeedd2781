"""Names that the shell completes: workers, tables, topics, queries, plugins, domains.

They are those of the settings that the command would read; a shell is never answered with an
error. Nothing asks the broker or the tables: a key that is pressed waits for no service.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import typer

from claimx_pipeline.errors import ClaimxError

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

Complete = Callable[[typer.Context, str], list[str]]


def _of_pipeline(names: Callable[[Pipeline], Iterable[str]]) -> Complete:
    """Return what completes with *names* of the pipeline that the options before lead to."""

    @functools.wraps(names)
    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        from claimx_pipeline.pipeline import Pipeline

        try:
            config = ctx.find_root().params.get("config")
            found = names(Pipeline.load(config))
        except ClaimxError:
            return []
        given = _given(ctx)
        return sorted(n for n in {*found} if n.startswith(incomplete) and n not in given)

    # Typer looks at the types of the parameters to know what to hand over.
    complete.__annotations__ = {"ctx": typer.Context, "incomplete": str}
    del complete.__wrapped__
    return complete


def _given(context: typer.Context) -> set[Any]:
    """Return what a list of names has already; a name is not given twice."""
    lists = (value for value in context.params.values() if isinstance(value, (list, tuple)))
    return {each for values in lists for each in values}


@_of_pipeline
def workers(pipeline: Pipeline) -> Iterable[str]:
    """Workers and sets of them."""
    sets = (name for spec in pipeline.workers.values() for name in spec.sets)
    return {*pipeline.workers, *sets}


@_of_pipeline
def worker(pipeline: Pipeline) -> Iterable[str]:
    """Workers, where a set of them is not taken."""
    return pipeline.workers


@_of_pipeline
def tables(pipeline: Pipeline) -> Iterable[str]:
    """Tables."""
    return pipeline.tables


@_of_pipeline
def topics(pipeline: Pipeline) -> Iterable[str]:
    """Topics by their logical names, which are the same on every broker."""
    return pipeline.topology.topics


@_of_pipeline
def queries(pipeline: Pipeline) -> Iterable[str]:
    """Named queries."""
    return pipeline.queries


@_of_pipeline
def plugins(pipeline: Pipeline) -> Iterable[str]:
    """Plugins."""
    return pipeline.plugins.infos


@_of_pipeline
def domains(pipeline: Pipeline) -> Iterable[str]:
    """Domains."""
    return pipeline.domains
