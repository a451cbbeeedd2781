"""What the settings of the plugins say of webhooks."""

from __future__ import annotations

from collections.abc import Iterable

from claimx_pipeline.plugins.base import Plugin
from claimx_pipeline.runtime.resources import Webhooks


def webhooks_of(plugins: Iterable[tuple[str, Plugin]]) -> Webhooks:
    """Return the URLs and the headers of all *plugins*, each given with its name."""
    plugins = list(plugins)
    return Webhooks(
        frozenset(url for _, plugin in plugins for url in plugin.webhook_urls()),
        {
            (name, key): headers
            for name, plugin in plugins
            for key, headers in plugin.webhook_headers().items()
        },
    )
