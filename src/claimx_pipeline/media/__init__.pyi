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
    "target_path",
]
