"""The workers of a domain's files: what they read and write. Each has that for its own domain.

Their processors load clients and stores, so each is imported only by its own worker.
"""

from __future__ import annotations

from functools import partial

from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import Problem
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Processor, WorkerSpec
from claimx_pipeline.settings.tree.settings import Settings


def download_worker(flow: FileFlow) -> WorkerSpec:
    """Return the worker that fetches the files of a domain."""
    topics = flow.topics
    return WorkerSpec(
        name=flow.worker("download"),
        summary="Fetches the files behind signed links into the cache.",
        group=f"{flow.domain}-download-worker",
        formerly=frozenset()
        if flow.worker_prefix
        else frozenset({"download_worker", "claimx-downloader"}),
        reads=(topics.pending,),
        writes=(topics.cached, topics.results),
        needs=("broker", *flow.files.settings, "media", "storage"),
        check=partial(_check, flow),
        family=flow.family,
        dead_letters=topics.dlq,
        calls=("claimx_download_complete",),
        build=partial(_download, flow),
        batch_size=50,
        sets=flow.sets("download"),
        domain=flow.domain,
    )


def _check(flow: FileFlow, settings: Settings) -> list[Problem]:
    """Return what is missing before files can be fetched and links renewed."""
    return [*flow.files.check(settings, flow.worker("download")), *flow.wrong_hosts(settings)]


def _download(flow: FileFlow, resources: Resources) -> Processor:
    from claimx_pipeline.workers.download import DownloadProcessor  # noqa: PLC0415 - slow to import

    return DownloadProcessor(flow, resources)


def upload_worker(flow: FileFlow) -> WorkerSpec:
    """Return the worker that stores the files of a domain."""
    topics = flow.topics
    return WorkerSpec(
        name=flow.worker("upload"),
        summary="Copies fetched files from the cache to the object store.",
        group=f"{flow.domain}-upload-worker",
        formerly=frozenset()
        if flow.worker_prefix
        else frozenset({"upload_worker", "claimx-uploader"}),
        reads=(topics.cached, topics.results),
        writes=(topics.results, topics.stored),
        needs=("broker", "media.files_remembered", *flow.store_settings),
        calls=("claimx_upload_complete",),
        family=flow.family,
        dead_letters=topics.dlq,
        build=partial(_upload, flow),
        batch_size=100,
        sets=flow.sets("upload"),
        domain=flow.domain,
        stop_seconds=30.0,
    )


def _upload(flow: FileFlow, resources: Resources) -> Processor:
    from claimx_pipeline.workers.upload import UploadProcessor  # noqa: PLC0415 - slow to import

    return UploadProcessor(flow, resources)


def results_worker(flow: FileFlow) -> WorkerSpec:
    """Return the worker that keeps the results of a domain's files."""
    topics = flow.topics
    return WorkerSpec(
        name=flow.worker("results"),
        summary="Keeps a row of every file that was stored or failed.",
        group=f"{flow.domain}-result-processor",
        formerly=frozenset()
        if flow.worker_prefix
        else frozenset({"result_processor", "claimx-result-processor"}),
        reads=(topics.results, topics.dlq),
        writes=(topics.results,),
        tables=(flow.files.table.name,),
        needs=("broker", "tables"),
        dead_letters=topics.dlq,
        build=partial(_results, flow),
        batch_size=500,
        linger_seconds=1.0,
        sets=flow.sets("results"),
        domain=flow.domain,
    )


def _results(flow: FileFlow, resources: Resources) -> Processor:
    from claimx_pipeline.workers.results import ResultsProcessor  # noqa: PLC0415 - as the others

    return ResultsProcessor(flow, resources)
