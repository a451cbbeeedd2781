"""Plugins and settings, as the installation has them."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline import operations
from claimx_pipeline.console.rendering import Console
from claimx_pipeline.settings.show import shown_settings


async def plugins(request: Request) -> Response:
    """List the plugins with what each brings."""
    console = Console.of(request)
    described = [
        operations.describe_plugin(console.pipeline, info.name)
        for info in console.pipeline.plugins.infos.values()
    ]
    return console.page(request, "plugins.html", plugins=described)


async def settings(request: Request) -> Response:
    """List every setting with its origin; credentials are masked."""
    console = Console.of(request)
    asked = request.query_params.get("find", "").strip().lower()
    found = [
        each
        for each in shown_settings(console.pipeline.loaded)
        if asked in each.path.lower() or asked in str(each.value).lower()
    ]
    found.sort(key=lambda each: each.origin == "default")
    return console.page(request, "settings.html", found=found, asked=asked)
