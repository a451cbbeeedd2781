from .codec import (
    FileCodec,
)
from .links import (
    LinkTimes,
    times_of,
)
from .messages import (
    CachedFile,
    DownloadResult,
    DownloadTask,
)
from .paths import (
    target_path,
)

__all__ = [
    "CachedFile",
    "DownloadResult",
    "DownloadTask",
    "FileCodec",
    "LinkTimes",
    "target_path",
    "times_of",
]
