from .protocol import Page, Source, SourceError, SourceRecord, SourceSpec, SourceType

__all__ = ["Page", "Source", "SourceError", "SourceRecord", "SourceSpec", "SourceType"]
