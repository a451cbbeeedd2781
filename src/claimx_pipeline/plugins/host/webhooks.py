"""What the settings of the plugins say of webhooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from claimx_pipeline.errors import HookFailedError, Refusals
from claimx_pipeline.plugins.base import Plugin
from claimx_pipeline.plugins.host.answers import called, section_of, several, shown
from claimx_pipeline.runtime.resources import Webhooks

URLS, HEADERS = "webhook_urls()", "webhook_headers()"


def webhooks_of(plugins: Iterable[tuple[str, Any]], refusals: Refusals | None = None) -> Webhooks:
    """Return the URLs and the headers of all *plugins*, each given with its name.

    Raises:
        ClaimxError: A plugin raised, or returned something else, and *refusals* does not collect.
    """
    refusals = refusals or Refusals()
    urls: set[str] = set()
    headers: dict[tuple[str, str], Mapping[str, str]] = {}
    for name, plugin in plugins:
        if not isinstance(plugin, Plugin):
            continue
        with refusals.of(section_of(name)):
            urls |= _urls(name, plugin)
        with refusals.of(section_of(name)):
            headers |= {(name, key): each for key, each in _headers(name, plugin).items()}
    return Webhooks(frozenset(urls), headers)


def _urls(name: str, plugin: Plugin) -> set[str]:
    found = several(URLS, name, called(name, URLS, plugin.webhook_urls))
    if wrong := [each for each in found if not isinstance(each, str)]:
        raise HookFailedError(name, URLS, f"it returned {shown(wrong[0])}, which is not a URL")
    return set(found)


def _headers(name: str, plugin: Plugin) -> Mapping[str, Mapping[str, str]]:
    found: Any = called(name, HEADERS, plugin.webhook_headers)
    if not isinstance(found, Mapping) or not all(
        isinstance(each, Mapping) for each in found.values()
    ):
        raise HookFailedError(
            name, HEADERS, f"it returned {shown(found)}, not headers by a key of the plugin's"
        )
    return found
