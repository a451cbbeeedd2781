from .protocol import (
    Page,
    Source,
    SourceError,
    SourceRecord,
    SourceSettings,
    SourceSpec,
    SourceType,
)

__all__ = [
    "Page",
    "Source",
    "SourceError",
    "SourceRecord",
    "SourceSettings",
    "SourceSpec",
    "SourceType",
]
