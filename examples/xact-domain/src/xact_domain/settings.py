"""Section ``xact`` of the settings."""

from attrs import evolve, field, frozen
from attrs.validators import min_len

from claimx_pipeline import Settings
from claimx_pipeline.domain import FilesSettings

NAME = "xact"
"""The domain, and its section of the settings."""


@frozen(kw_only=True)
class XactSettings:
    """What an installation decides about the domain."""

    allowed_hosts: tuple[str, ...] = (
        "usw2-prod-xn-exportreceiver-publish.s3.us-west-2.amazonaws.com",
    )
    """Hosts that attachments may come from, exactly: ``host`` (port 443) or ``host:port``. An
    attachment of any other host is a dead letter; replay it once its host is here."""

    root: str = ""
    """Folder or URL under which attachments are stored; ``<storage.files.root>/xact`` if empty."""

    payload_path: str = ""
    """Where in its record an event is, keys joined by dots; empty if it is the record itself."""

    id_namespace: str = field(
        default="https://claimx-pipeline.example/xact/events", validator=min_len(1)
    )
    """URL from which the ids of events follow. That of an earlier system gives its ids."""

    media_id_namespace: str = field(
        default="https://claimx-pipeline.example/xact/media", validator=min_len(1)
    )
    """URL from which the ids of attachments follow."""


def section(settings: Settings) -> XactSettings:
    """Return the section of the domain."""
    return settings.section(NAME, XactSettings)


def files_settings(settings: Settings) -> FilesSettings:
    """Return where attachments are stored."""
    shared = settings.storage.files
    root = section(settings).root or f"{shared.root.rstrip('/')}/{NAME}"
    return evolve(shared, root=root)
