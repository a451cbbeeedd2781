"""Section ``console``: the pages that operators look at with a browser."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge, le, optional

from claimx_pipeline.settings.kinds import KIND, listening_host, optional_http_url
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class ConsoleSettings:
    """The web console."""

    host: str = field(default="127.0.0.1", validator=not_blank, metadata={KIND: listening_host})
    """Address it listens on. Any other than this machine's own needs a token."""

    port: int | None = field(default=None, validator=optional([ge(0), le(65535)]))
    """Its port; 0 for any free one. Not given: 8088, or the next free one."""

    with_up: bool = False
    """``claimx-run up`` serves it as well."""

    token: Secret | None = None
    """What a browser or a program has to know; without, anyone who reaches the port may look."""

    allow_changes: bool = False
    """Dead letters may be replayed and offsets moved. Without, the console only reads."""

    show_personal_data: bool = False
    """Names, addresses, numbers and texts of persons are shown and exported. Without, they are
    replaced by dots."""

    prometheus_url: str = field(default="", metadata={KIND: optional_http_url})
    """A Prometheus that scrapes the workers: lines of the last hours come from there. Without, they
    are those that the console has seen since its start."""
