"""Section ``network``, and the same beneath single services: proxies and authorities."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

from attrs import field, fields, frozen
from attrs.validators import optional

from claimx_pipeline.settings.kinds import KIND, local_path, proxy_url
from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.validators import not_blank, without_proxy

T = TypeVar("T")

DIRECT = "direct"
"""Written instead of a proxy's URL: none."""


@frozen(kw_only=True)
class NetworkSettings:
    """How HTTP services are reached: through which proxy, and which authorities are trusted."""

    proxy: str | None = field(
        default=None, validator=optional(not_blank), repr=masked_repr, metadata={KIND: proxy_url}
    )
    """Proxy that requests pass through, ``http://HOST:PORT``; ``direct`` for none."""

    proxy_username: str | None = field(default=None, validator=optional(not_blank))
    """Who logs in to the proxy, if it asks for that."""

    proxy_password: Secret | None = None
    """Password of ``proxy_username``."""

    no_proxy: tuple[str, ...] | None = field(default=None, validator=optional(without_proxy))
    """Hosts reached without the proxy: ``host``, ``host:port``, or ``.domain`` for all below it."""

    ca_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """PEM file of private authorities, trusted beside the usual ones."""

    def over(self, base: NetworkSettings) -> NetworkSettings:
        """Return these settings, and those of *base* where these say nothing.

        A proxy of their own gets no user or password of *base*.
        """
        kept = [name for name in _NAMES if getattr(self, name) is None]
        if self.proxy is not None:
            kept = [name for name in kept if name not in _LOGIN]
        return replaced(self, **{name: getattr(base, name) for name in kept})

    @property
    def is_empty(self) -> bool:
        """Whether nothing is set."""
        return all(getattr(self, name) is None for name in _NAMES)


_NAMES = tuple(each.name for each in fields(NetworkSettings))
_LOGIN = ("proxy_username", "proxy_password")


def replaced(settings: T, **changes: Any) -> T:
    """Return *settings* with other values.

    Unlike ``attrs.evolve`` it looks at no value: one may still wait for its variable.
    """
    made = copy.copy(settings)
    for name, value in changes.items():
        object.__setattr__(made, name, value)
    return made
