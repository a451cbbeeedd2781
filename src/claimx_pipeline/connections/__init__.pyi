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
from .verdict import (
    JsonVerdict,
    Verdict,
    json_object,
)

__all__ = [
    "Answer",
    "AnswerCache",
    "Connection",
    "JsonVerdict",
    "RequestFailedError",
    "Verdict",
    "Watch",
    "json_object",
]
