"""The topics that the files of a domain pass through; their names follow from the domain's."""

from __future__ import annotations

from attrs import frozen

from claimx_pipeline.topics import DomainTopics, Topic


@frozen(kw_only=True)
class FileTopics:
    """The topics of a domain's files."""

    pending: Topic
    """Files to be fetched."""
    cached: Topic
    """Files that were fetched and checked."""
    results: Topic
    """What became of each file."""
    stored: Topic
    """Which files are stored."""
    dlq: Topic
    """Dead letters of the workers of files."""

    @classmethod
    def of(cls, domain: str) -> FileTopics:
        """Return the topics of the files of *domain*, by its name."""
        topics = DomainTopics(domain)
        return cls(
            pending=topics.downloads_pending,
            cached=topics.downloads_cached,
            results=topics.downloads_results,
            stored=topics.downloads_stored,
            dlq=topics.downloads_dlq,
        )
