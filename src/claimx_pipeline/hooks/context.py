"""What a plugin is called with: an event, or a file."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from attrs import define, evolve, field, fields

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.events import DomainEvent
from claimx_pipeline.hooks.hands import Hands, HandsOn
from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask
from claimx_pipeline.media.requests import checked
from claimx_pipeline.topics import BRAND

Stage = Literal["enrichment_starting", "enrichment_complete"]
FileStage = Literal["download_complete", "upload_complete"]


class HookContext(Protocol):
    """What the dispatcher needs of the context of any hook that is called while events flow."""

    headers: dict[str, str]
    """Headers of everything that the plugins publish."""

    @property
    def event_id(self) -> str:
        """Id of the event that all began with."""
        ...

    @property
    def event_type(self) -> str:
        """The event's type."""
        ...

    @property
    def domain(self) -> str:
        """Name of the domain it belongs to."""
        ...

    @property
    def key(self) -> str:
        """What the event is about, in the domain's own terms."""
        ...

    @property
    def key_name(self) -> str:
        """The domain's word for the key."""
        ...

    @property
    def hops(self) -> int:
        """How many plugins' messages led here."""
        ...

    @property
    def cause(self) -> str:
        """What the hook is called about, the same whenever it is called again."""
        ...

    def copy(self) -> Self:
        """Return a copy that a plugin may change, whatever becomes of the plugin."""
        ...

    def adopt(self, changed: Self) -> None:
        """Take over what a plugin that succeeded changed in its copy."""
        ...

    def lend(self, hands: Hands | None) -> None:
        """Give the plugin that is called what it may use; None takes it back."""
        ...


@define
class EnrichmentContext(HandsOn):
    """An event after the API answered, before its rows are published.

    The domain's own words are attributes too: every field of its event, every kind of its
    entities (``context.tasks``), the first row of a kind by its singular (``context.project``,
    None if there is none), and its word for the key.
    """

    event: DomainEvent
    """The event, decoded; an ``Event`` for ClaimX."""
    entities: RowsByKind
    """Rows found for this event, of every kind. They may be changed in place."""
    headers: dict[str, str] = field(factory=dict)
    """Headers of everything the plugins of this event publish."""
    attempt: int = 1
    """Which try this is, from 1."""
    handler: str = ""
    """Name of the handler that asked the API; empty if there is none for the type."""
    api_calls: int = 0
    """Requests to the domain's API made for this event."""
    duration_seconds: float = 0.0
    """How long the enrichment took."""
    hops: int = 0
    """How many plugins' messages led to this event; 0 for one from outside."""
    stage: Stage = "enrichment_complete"
    """When the hook is called."""
    downloads: list[DownloadTask] = field(factory=list)
    """Files that plugins have asked for; see ``request_download``."""
    domain: str = BRAND
    """Name of the event's domain."""
    key_name: str = field()
    """The domain's word for ``key``."""
    _reader: Any = field(default=None, repr=False, eq=False, kw_only=True)
    _hands: Hands | None = field(default=None, init=False, repr=False, eq=False)

    @key_name.default
    def _word_of_event(self) -> str:
        return getattr(self.event, "key_name", "key")

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...

    else:

        def __getattr__(self, name: str) -> Any:
            """Return what the domain calls *name*."""
            if name in _OWN or name.startswith("__"):
                raise AttributeError(name)  # it is being made or copied
            return self._word(name)

    def _word(self, name: str) -> Any:
        if name == self.key_name:
            return self.event.key
        rows = type(self.entities)
        if name in rows.kinds():
            return getattr(self.entities, name)
        if name in rows.singulars:
            return next(iter(getattr(self.entities, rows.singulars[name])), None)
        try:
            return getattr(self.event, name)
        except AttributeError:
            raise AttributeError(
                f"an event of domain {self.domain!r} has no {name!r}; there are the fields of "
                f"{type(self.event).__name__} and the kinds {', '.join(rows.kinds())}"
            ) from None

    def request_download(  # noqa: PLR0913 - the fields of a message, by name
        self,
        *,
        owner: str,
        media_id: str,
        download_url: str,
        blob_path: str,
        owner_ref: str = "",
        file_type: str = "",
        file_name: str = "",
        expires_at: datetime | None = None,
        file_version: str = "",
    ) -> None:
        """Have a file of this event copied to the object store.

        The result is published on ``<domain>.downloads.results`` with the same owner and
        ``owner_ref``; the pipeline writes it to no table of its own. Asking again for the
        same owner, media id, path and version of a file that is stored brings its result again,
        and fetches nothing. If the plugin fails afterwards, nothing that it asked for is done.

        Args:
            owner: Who wants the file: the plugin's own word, at most 100 characters.
            media_id: The domain's id of the file.
            download_url: The signed link, as the API gave it.
            blob_path: Where it is to be stored, below ``storage.files.root``.
            owner_ref: Returned in the result as it is.
            file_type: ``mediaType`` as the API gave it.
            file_name: ``mediaName`` as the API gave it.
            expires_at: When the link ends, with its zone.
            file_version: What the API says of the contents, such as size and date: a stored
                file is fetched again if it was stored with another, and always if none is given.

        Raises:
            ValueError: The owner is the pipeline itself, a field is empty, or the path
                is not one that every store takes.
        """
        task = DownloadTask(
            owner=owner,
            owner_ref=owner_ref,
            media_id=media_id,
            key=self.key,
            key_name=self.key_name,
            event_id=self.event_id,
            download_url=download_url,
            blob_path=blob_path,
            file_type=file_type,
            file_name=file_name,
            expires_at=expires_at,
            file_version=file_version,
            created_at=self.event.ingested_at,
        )
        self.downloads.append(checked(task, self.domain))

    @property
    def event_id(self) -> str:
        """The event's id."""
        return self.event.event_id

    @property
    def event_type(self) -> str:
        """The event's type."""
        return self.event.event_type

    @property
    def key(self) -> str:
        """What the event is about, in the domain's own terms."""
        return self.event.key

    @property
    def cause(self) -> str:
        """The event's id: the hook is called once per event."""
        return self.event.event_id

    def describe(self) -> dict[str, Any]:
        """Return the names that message templates may use."""
        return {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "domain": self.domain,
            self.key_name: self.key,
        }

    def copy(self) -> Self:
        """Return a copy with rows and headers of its own."""
        return evolve(
            self,
            entities=self.entities.copied(copied),
            headers=dict(self.headers),
            downloads=list(self.downloads),
        )

    def lend(self, hands: Hands | None) -> None:
        """Give the plugin that is called what it may use; None takes it back."""
        self._hands = hands

    def adopt(self, changed: Self) -> None:
        """Take over rows, headers and the files asked for."""
        self.entities, self.headers = changed.entities, changed.headers
        self.downloads = changed.downloads


@define
class FileContext(HandsOn):
    """A file on its way: fetched and checked, or stored where it belongs."""

    file: CachedFile | DownloadResult
    """``CachedFile`` at ``download_complete``, ``DownloadResult`` at ``upload_complete``."""
    stage: FileStage
    """When the hook is called."""
    headers: dict[str, str] = field(factory=dict)
    """Headers of everything the plugins publish about this file."""
    attempt: int = 1
    """Which try this is, from 1."""
    domain: str = BRAND
    """Name of the file's domain."""
    _reader: Any = field(default=None, init=False, repr=False, eq=False)
    _hands: Hands | None = field(default=None, init=False, repr=False, eq=False)

    @property
    def event_id(self) -> str:
        """Id of the event through which the file was first known."""
        return self.file.event_id

    @property
    def key(self) -> str:
        """What the file belongs to, in the domain's own terms; also by its word for it."""
        return self.file.key

    @property
    def key_name(self) -> str:
        """The domain's word for the key."""
        return self.file.key_name

    def __getattr__(self, name: str) -> Any:
        # The domain's own word for the key means the key.
        if name != "file" and name == self.file.key_name:
            return self.file.key
        raise AttributeError(f"FileContext has no attribute {name!r}", name=name, obj=self)

    @property
    def cause(self) -> str:
        """Idempotency key: the same for every try, another for every file and stage."""
        return f"{self.stage}|{self.file.identity}"

    @property
    def event_type(self) -> str:
        """The stage, since a file has no event type."""
        return self.stage

    @property
    def hops(self) -> int:
        """How many plugins' messages led here: none, a file is asked for by the pipeline."""
        return 0

    def copy(self) -> Self:
        """Return a copy with headers of its own; the file's facts cannot be changed."""
        return evolve(self, headers=dict(self.headers))

    def lend(self, hands: Hands | None) -> None:
        """Give the plugin that is called what it may use; None takes it back."""
        self._hands = hands

    def adopt(self, changed: Self) -> None:
        """Take over headers."""
        self.headers = changed.headers


_OWN = frozenset(each.name for each in fields(EnrichmentContext)) | {"reader"}


def copied(value: Any) -> Any:
    """Return a JSON-like value with mappings and lists of its own."""
    if type(value) is dict:
        return {
            name: copied(inner) if type(inner) in (dict, list) else inner
            for name, inner in value.items()
        }
    if type(value) is list:
        return [copied(inner) for inner in value]
    return value


@define
class Dispatched:
    """What the plugins made of an event."""

    publish: list[OutRecord] = field(factory=list)
    """Messages to publish before the event's offset is committed."""
    filtered: str | None = None
    """Why the event's own rows are to be dropped; None if they are not."""
    failed: list[tuple[str, Exception]] = field(factory=list)
    """Plugins that failed, with their errors; the event goes on without them."""
