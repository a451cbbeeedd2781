"""Every hook a plugin may implement.

A plugin is a module or an object whose functions carry ``hookimpl``; it is found by
the entry-point group ``claimx_pipeline``. The core registers its own parts here too.

``claimx_register_*`` hooks are called once, when the parts are put together, and
return objects. The others are called while events flow; they may be ``async``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import BrokerFactory
    from claimx_pipeline.claimx.handlers.protocol import Handler
    from claimx_pipeline.cli.command import Command
    from claimx_pipeline.clock import Clock
    from claimx_pipeline.delta.queries import NamedQuery
    from claimx_pipeline.delta.spec import TableSpec
    from claimx_pipeline.errors import Problem
    from claimx_pipeline.plugins.context import EnrichmentContext, FileContext
    from claimx_pipeline.plugins.result import PluginResult
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.settings.tree import Settings, SettingsSection
    from claimx_pipeline.stages.protocol import Stage

PROJECT = "claimx_pipeline"
"""Name of the pluggy project and of the entry-point group."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def claimx_register_settings() -> SettingsSection:  # type: ignore[empty-body]
    """Add a section to the settings.

    Called once, before the settings are read. Its environment variables and default
    YAML take part in the one order of precedence that all settings have.

    Returns:
        The section. None if the plugin has no settings of its own.
    """


@hookspec
def claimx_register_brokers() -> Mapping[str, BrokerFactory]:  # type: ignore[empty-body]
    """Offer brokers.

    Called once, at start.

    Returns:
        URL scheme to a function that makes a broker from a URL and the ``broker``
        settings. A scheme that another plugin offers is refused.
    """


@hookspec
def claimx_register_tables(settings: Settings) -> Iterable[TableSpec]:  # type: ignore[empty-body]
    """Declare tables.

    Called once, at start; the tables appear in ``claimx-run tables list``.

    Args:
        settings: All settings.

    Returns:
        The tables. A name that another plugin declares is refused.
    """


@hookspec
def claimx_register_handlers(  # type: ignore[empty-body]
    settings: Settings, clock: Clock
) -> Iterable[Handler]:
    """Say how event types are enriched.

    Called once, at start.

    Args:
        settings: All settings.
        clock: Tells the time.

    Returns:
        Handlers, each naming its event types; a type has one handler. A type that no
        handler names is logged as ``skipped``.
    """


@hookspec
def claimx_register_stages() -> Mapping[str, type[Stage]]:  # type: ignore[empty-body]
    """Offer stages for the chains of plugin workers.

    Called once, at start.

    Returns:
        Name, as it is written in settings, to the stage's class.
    """


@hookspec
def claimx_register_workers(settings: Settings) -> Iterable[WorkerSpec]:  # type: ignore[empty-body]
    """Offer workers.

    Called once, at start; the workers appear in ``claimx-run worker --list`` and their
    topics in ``claimx-run topics list``.

    Args:
        settings: All settings; the plugin's own are ``settings.sections["<name>"]``.

    Returns:
        The workers, each with a name that no other worker has.
    """


@hookspec
def claimx_register_queries() -> Iterable[NamedQuery]:  # type: ignore[empty-body]
    """Offer named queries for ``claimx-run query --name``.

    Called once, when a query is asked for.

    Returns:
        The queries, each with a name that no other query has.
    """


@hookspec
def claimx_register_commands() -> Iterable[Command]:  # type: ignore[empty-body]
    """Add commands to ``claimx-run``.

    Called once per run of the command line, before anything else is known; the module
    of a command is imported only when the command is run.

    Returns:
        The commands.
    """


@hookspec
def claimx_check_settings(settings: Settings) -> Iterable[Problem]:  # type: ignore[empty-body]
    """Look for mistakes that the type of a setting cannot show.

    Called by ``claimx-run config check`` and before workers start. Must not connect
    to anything.

    Args:
        settings: All settings.

    Returns:
        The problems found.
    """


@hookspec
def claimx_enrichment_complete(context: EnrichmentContext) -> PluginResult | None:
    """React to an event that was enriched.

    Called for every event after the API answered and before its rows are published;
    sync or async. Implementations run one after the other: those of lower priority
    number first, then in the order of the plugins' names.

    Args:
        context: The event, the rows of all seven entity kinds, the tasks, the project
            and the headers. Rows may be changed, and columns of tables that the plugin
            registered may be added.

    Returns:
        What is to be done: ``PluginResult.publish(...)``, ``.log(...)``,
        ``.filter_out(...)``. None or ``PluginResult.ok()`` for nothing.
    """


@hookspec
def claimx_download_complete(context: FileContext) -> PluginResult | None:
    """React to a file that was fetched.

    Called for every file, of every owner, once it lies in the cache and its size,
    checksum and kind of content are known, before that is told to the uploader; sync or
    async, in the same order as ``claimx_enrichment_complete``. Called again if the file
    comes again.

    An exception is dead-lettered as ``kind=plugin`` and the file goes on.

    Args:
        context: ``context.file`` is a ``CachedFile``: ids, owner, target path, size,
            checksum, kind of content.

    Returns:
        ``PluginResult.publish(...)`` or ``.log(...)``, acknowledged before the file is
        settled. None or ``PluginResult.ok()`` for nothing. A file cannot be filtered out.

    Example:
        Tell a virus scanner of every file::

            @hookimpl
            def claimx_download_complete(context):
                file = context.file
                return PluginResult.publish("scans.pending", {"sha256": file.checksum})
    """


@hookspec
def claimx_upload_complete(context: FileContext) -> PluginResult | None:
    """React to a file that lies where it belongs.

    Called for every file, of every owner, once the object store has it whole and before
    the result is published; sync or async, in the same order as
    ``claimx_enrichment_complete``. Called again if the file comes again.

    An exception is dead-lettered as ``kind=plugin`` and the file goes on.

    Args:
        context: ``context.file`` is a ``DownloadResult`` with status ``completed``.

    Returns:
        As ``claimx_download_complete``.

    Example:
        Announce every report that is stored::

            @hookimpl
            def claimx_upload_complete(context):
                file = context.file
                if file.content_type != "application/pdf":
                    return None
                return PluginResult.publish("reports.stored", {"path": file.blob_path})
    """


@hookspec
def claimx_worker_starting(worker: WorkerSpec, settings: Settings) -> Any:
    """Get ready before a worker takes its first record; sync or async.

    Called once per worker and process. An exception stops the start.

    Args:
        worker: The worker.
        settings: All settings.
    """


@hookspec
def claimx_worker_stopping(worker: WorkerSpec) -> Any:
    """Release what ``claimx_worker_starting`` took; sync or async.

    Called once per worker and process, after its last record was settled and also
    after a failure. An exception is logged and the stop goes on.

    Args:
        worker: The worker.
    """
