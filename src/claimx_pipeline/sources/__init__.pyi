from .protocol import (
    Source,
    SourceError,
    SourceRecord,
    SourceSettings,
    SourceSpec,
    SourceType,
)

__all__ = [
    "Source",
    "SourceError",
    "SourceRecord",
    "SourceSettings",
    "SourceSpec",
    "SourceType",
]
