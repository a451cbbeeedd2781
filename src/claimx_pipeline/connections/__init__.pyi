from .answer import (
    Answer,
    RequestFailedError,
)
from .cache import (
    AnswerCache,
)
from .call import (
    Watch,
)
from .client import (
    Connection,
)

__all__ = [
    "Answer",
    "AnswerCache",
    "Connection",
    "RequestFailedError",
    "Watch",
]
