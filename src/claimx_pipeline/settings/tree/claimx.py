"""Section ``claimx``: the ClaimX API, how its events come, and where its files go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any, ClassVar, Literal

from attrs import Attribute, field, frozen
from attrs.validators import ge, gt, le, optional

from claimx_pipeline.settings.kinds import KIND, endpoint, header_token, http_url, local_path
from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.network import NetworkSettings
from claimx_pipeline.settings.tree.validators import hosts, not_blank

_QUERY_NAME = re.compile(r"[A-Za-z0-9._~-]{1,100}")


def query_name(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse what cannot be the name of a parameter in a URL.

    Raises:
        ValueError: It is empty or needs quoting in a URL.
    """
    if not _QUERY_NAME.fullmatch(value):
        raise ValueError(
            f"{attribute.name!r} is {value!r}, which is not a valid parameter; use A to Z, "
            "a to z and digits, for example mediaId"
        )


def dotted_path(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse a path that leads nowhere.

    Raises:
        ValueError: It has an empty key.
    """
    if not all(part.strip() == part != "" for part in value.split(".")):
        raise ValueError(
            f"{attribute.name!r} is {value!r}, which is not a valid path; write keys joined by "
            "dots, for example message.payload"
        )


@frozen(kw_only=True)
class ApiSettings:
    """The ClaimX REST API."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "base_path": "write 'base_url'",
        "claimx_api_token_env": "write 'token: ${VARIABLE}', or 'token_file'",
        "concurrency": "write 'max_concurrent'",
    }
    """Keys of the system before, each with what to write instead."""

    base_url: str | None = field(
        default=None,
        validator=optional(not_blank),
        repr=masked_repr,
        metadata={KIND: http_url},
    )
    """ClaimX API base URL, for example ``https://www.claimxperience.com/service/cxedirest``."""

    token: Secret | None = field(default=None, metadata={KIND: header_token})
    """Credential, without the word Basic or Bearer."""

    token_file: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: local_path}
    )
    """File that holds the credential instead; read again when it changes."""

    auth: Literal["basic", "bearer"] = "basic"
    """How the token is sent; basic takes it already base64-encoded."""

    max_concurrent: int = field(default=20, validator=[ge(1), le(1000)])
    """Requests under way at once in one process."""

    timeout_seconds: float = field(default=30.0, validator=gt(0))
    """Total time of one request."""

    connect_timeout_seconds: float = field(default=5.0, validator=gt(0))
    """Time to open a connection."""

    max_retries: int = field(default=2, validator=[ge(0), le(10)])
    """Further tries of a request that failed in a way that may pass."""

    max_answer_bytes: int = field(default=64 * 1024 * 1024, validator=ge(1024))
    """Read of one answer at most, unpacked; a larger one is refused."""

    breaker_failures: int = field(default=5, validator=ge(0))
    """Requests that fail in a row before no more are sent for a while; 0 for never."""

    breaker_open_seconds: float = field(default=15.0, validator=gt(0))
    """How long nothing is sent then; afterwards one request tries whether it works again."""

    probe: str | None = field(
        default=None, validator=optional(not_blank), metadata={KIND: endpoint}
    )
    """Path of a harmless GET that tells a failing service from a failing request."""

    project_cache_seconds: float = field(default=300.0, validator=ge(0))
    """How long a project's answer serves events that do not change the project."""

    project_cache_entries: int = field(default=10_000, validator=ge(1))
    """Answers kept at most."""

    sender_username: str = field(default="claimx-pipeline", validator=not_blank)
    """Named as sender where the API asks for one (video reports)."""

    media_parameter: str = field(default="mediaId", validator=query_name)
    """Parameter that names the files asked for, joined by commas; ``mediaIds`` on older servers."""

    network: NetworkSettings = field(factory=NetworkSettings)
    """What differs here from the section ``network``."""


@frozen(kw_only=True)
class EventsSettings:
    """Where in a record of ``claimx.events.raw`` the event is; in the record itself if not set."""

    preset: Literal["source_event", "gateway"] | None = None
    """An envelope known by name; the two paths below change what it says."""

    payload_path: str | None = field(default=None, validator=optional(dotted_path))
    """Keys joined by dots that lead to the event, for example ``payload``."""

    time_path: str | None = field(default=None, validator=optional(dotted_path))
    """Keys joined by dots that lead to the time of an event that has none of its own."""


PATH_NAMES = frozenset({"project_id", "media_id", "file_name"})
"""Names that a file's path may hold in braces."""


def path_template(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse a path of which two files could share one.

    Raises:
        ValueError: A name in braces is unknown, the media id is missing, or it is not a path.
    """
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as error:
        raise ValueError(
            f"{attribute.name!r} is {value!r}, which is not a valid template: {error}"
        ) from error
    if unknown := sorted(names - PATH_NAMES):
        known = ", ".join(sorted(PATH_NAMES))
        raise ValueError(f"{attribute.name!r} names {unknown[0]!r}; it may name {known}")
    if "media_id" not in names:
        raise ValueError(f"{attribute.name!r} must name {{media_id}}; else files share a path")
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError(f"{attribute.name!r} is {value!r}, which is not a relative path")


@frozen(kw_only=True)
class ClaimxMediaSettings:
    """The files of claims, as far as they are ClaimX's own."""

    allowed_hosts: tuple[str, ...] = field(
        default=(
            "www.claimxperience.com",
            "claimxperience.com",
            "claimxperience.s3.amazonaws.com",
            "claimxperience.s3.us-east-1.amazonaws.com",
            "xactware-claimx-us-prod.s3.us-west-1.amazonaws.com",
            "usw2-prod-xn-exportreceiver-publish.s3.us-west-2.amazonaws.com",
        ),
        validator=hosts,
    )
    """Hosts that files may come from, exactly: ``host`` (port 443) or ``host:port``."""

    path: str = field(default="{project_id}/media/{media_id}/{file_name}", validator=path_template)
    """Where a file is put below ``storage.files.root``; must name the file by ``{media_id}``."""


@frozen(kw_only=True)
class ClaimxSettings:
    """ClaimX itself."""

    api: ApiSettings = field(factory=ApiSettings)
    """The ClaimX REST API."""

    events: EventsSettings = field(factory=EventsSettings)
    """Where in a record of ``claimx.events.raw`` the event is; in the record itself if not set."""

    media: ClaimxMediaSettings = field(factory=ClaimxMediaSettings)
    """The files of claims, as far as they are ClaimX's own."""
