from .entities import (
    EntityRow,
    EntityRows,
)
from .handlers import (
    Handled,
    Handler,
)

__all__ = [
    "EntityRow",
    "EntityRows",
    "Handled",
    "Handler",
]
