from .claimx.entities import (
    EntityRows,
)
from .claimx.events import (
    Event,
)
from .claimx.handlers.protocol import (
    Handled,
    Handler,
)
from .claimx.reader import (
    ClaimxReader,
)
from .connections.answer import (
    Answered,
)
from .domain.answer_columns import (
    AnsweredColumn,
    Field,
    Part,
    Unreadable,
    answered,
)
from .domain.demonstration import (
    Demonstration,
    Wave,
)
from .domain.domain import (
    ActionKind,
    ActionRun,
    Domain,
    DomainReader,
    ReaderParts,
)
from .domain.entities import (
    EntityRow,
    Named,
    RowsByKind,
    rows_of,
)
from .domain.events import (
    NO_PAYLOAD,
    Decode,
    DomainEvent,
)
from .domain.extension import (
    DomainExtension,
)
from .domain.files import (
    DomainFiles,
    FileFlow,
    FilesSettings,
    LinkParts,
)
from .domain.handlers import (
    EventHandler,
    HandledEvent,
    HandledRows,
)
from .domain.kinds import (
    EntityKind,
)
from .domain.log_table import (
    event_log,
)
from .domain.messages import (
    DomainMessages,
    EntityMessage,
)
from .domain.people import PersonColumns
from .media.codec import (
    FileCodec,
    Wire,
)
from .media.links import (
    LinkSource,
    LinkTimes,
    times_of,
)
from .media.messages import (
    CachedFile,
    DownloadResult,
    DownloadTask,
    FileMessage,
)
from .media.names import (
    safe_id,
    safe_name,
)
from .media.paths import (
    target_path,
)
from .media.store import (
    FileStore,
)
from .media.stored_file import (
    StoredFile,
)
from .media.topics import (
    FileTopics,
)
from .sources.protocol import (
    Source,
    SourceError,
    SourceRecord,
    SourceSettings,
    SourceSpec,
    SourceType,
)
from .topics import (
    DOWNLOADS_PENDING,
    DOWNLOADS_RESULTS,
    WEEK_HOURS,
    DomainTopics,
)

__all__ = [
    "DOWNLOADS_PENDING",
    "DOWNLOADS_RESULTS",
    "NO_PAYLOAD",
    "WEEK_HOURS",
    "ActionKind",
    "ActionRun",
    "Answered",
    "AnsweredColumn",
    "CachedFile",
    "ClaimxReader",
    "Decode",
    "Demonstration",
    "Domain",
    "DomainEvent",
    "DomainExtension",
    "DomainFiles",
    "DomainMessages",
    "DomainReader",
    "DomainTopics",
    "DownloadResult",
    "DownloadTask",
    "EntityKind",
    "EntityMessage",
    "EntityRow",
    "EntityRows",
    "Event",
    "EventHandler",
    "Field",
    "FileCodec",
    "FileFlow",
    "FileMessage",
    "FileStore",
    "FileTopics",
    "FilesSettings",
    "Handled",
    "HandledEvent",
    "HandledRows",
    "Handler",
    "LinkParts",
    "LinkSource",
    "LinkTimes",
    "Named",
    "Part",
    "PersonColumns",
    "ReaderParts",
    "RowsByKind",
    "Source",
    "SourceError",
    "SourceRecord",
    "SourceSettings",
    "SourceSpec",
    "SourceType",
    "StoredFile",
    "Unreadable",
    "Wave",
    "Wire",
    "answered",
    "event_log",
    "rows_of",
    "safe_id",
    "safe_name",
    "target_path",
    "times_of",
]
