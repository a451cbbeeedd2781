from .demonstration import Demonstration, Wave
from .domain import ActionKind, Domain, DomainReader, ReaderParts
from .entities import EntityRow, RowsByKind, rows_of
from .events import NO_PAYLOAD, Decode, DomainEvent
from .files import DomainFiles
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
    "DomainFiles",
    "DomainReader",
    "EntityKind",
    "EntityRow",
    "EventHandler",
    "HandledEvent",
    "HandledRows",
    "ReaderParts",
    "RowsByKind",
    "Wave",
    "event_log",
    "rows_of",
]
