from .codec import (
    FileCodec,
)
from .links import (
    LinkSource,
    LinkTimes,
    times_of,
)
from .messages import (
    CachedFile,
    DownloadResult,
    DownloadTask,
    file_version,
)
from .names import (
    safe_id,
    safe_name,
)
from .paths import (
    target_path,
)

__all__ = [
    "CachedFile",
    "DownloadResult",
    "DownloadTask",
    "FileCodec",
    "LinkSource",
    "LinkTimes",
    "file_version",
    "safe_id",
    "safe_name",
    "target_path",
    "times_of",
]
