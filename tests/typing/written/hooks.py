"""Hooks as plain functions, async ones among them."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import assert_type

from claimx_pipeline import (
    EnrichmentContext,
    FileContext,
    PluginResult,
    Settings,
    WorkerSpec,
    hookimpl,
)
from claimx_pipeline.media import CachedFile, DownloadTask


@hookimpl
async def claimx_enrichment_complete(context: EnrichmentContext) -> PluginResult | None:
    if context.hops:
        return None
    context.headers["acme"] = "1"
    context.request_download(
        owner="acme", media_id="7", download_url="https://files.example.test/7", blob_path="acme/7"
    )
    assert_type(context.downloads, list[DownloadTask])
    return PluginResult.metric("seen", labels={"type": context.event_type})


@hookimpl
async def claimx_download_complete(context: FileContext) -> PluginResult:
    assert_type(context.event_id, str)
    return PluginResult.log("info", f"{context.file.media_id} is fetched")


@hookimpl(tryfirst=True)
def claimx_upload_complete(context: FileContext) -> PluginResult:
    return PluginResult.add_header("acme-file", context.file.media_id)


@hookimpl
async def claimx_worker_starting(worker: WorkerSpec, settings: Settings) -> None:
    assert_type(worker.name, str)
    assert_type(settings.broker.url, str)


def size_of(file: CachedFile) -> int:
    return file.bytes_downloaded


# An implementation keeps its own type: who calls it in a test is told of mistakes.
def called(context: EnrichmentContext) -> Awaitable[PluginResult | None]:
    return claimx_enrichment_complete(context)
