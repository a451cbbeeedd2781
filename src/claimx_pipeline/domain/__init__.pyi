from .entities import EntityRow
from .files import DomainFiles
from .kinds import EntityKind

__all__ = ["DomainFiles", "EntityKind", "EntityRow"]
