from .entities import EntityRow
from .kinds import EntityKind

__all__ = ["EntityKind", "EntityRow"]
