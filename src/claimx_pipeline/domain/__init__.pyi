from .answer_columns import Part, Unreadable, answered
from .demonstration import Demonstration, Wave
from .domain import ActionKind, Domain, DomainReader, ReaderParts
from .entities import EntityRow, RowsByKind, rows_of
from .events import NO_PAYLOAD, Decode, DomainEvent
from .extension import DomainExtension
from .files import DomainFiles, FilesSettings
from .handlers import EventHandler, HandledEvent, HandledRows
from .kinds import EntityKind
from .log_table import event_log

__all__ = [
    "NO_PAYLOAD",
    "ActionKind",
    "Decode",
    "Demonstration",
    "Domain",
    "DomainEvent",
    "DomainExtension",
    "DomainFiles",
    "DomainReader",
    "EntityKind",
    "EntityRow",
    "EventHandler",
    "FilesSettings",
    "HandledEvent",
    "HandledRows",
    "Part",
    "ReaderParts",
    "RowsByKind",
    "Unreadable",
    "Wave",
    "answered",
    "event_log",
    "rows_of",
]
