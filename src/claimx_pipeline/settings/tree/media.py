"""Section ``media``: how files are fetched."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge, gt, le, optional

from claimx_pipeline.settings.kinds import KIND, local_path
from claimx_pipeline.settings.tree.network import NetworkSettings
from claimx_pipeline.settings.tree.validators import hosts, not_blank


@frozen(kw_only=True)
class MediaSettings:
    """How files are fetched, for every domain."""

    development_hosts: tuple[str, ...] = field(default=(), validator=hosts)
    """``host:port`` pairs that may be reached without encryption and at private addresses."""

    work_dir: str = field(
        default="./claimx-data/partial", validator=not_blank, metadata={KIND: local_path}
    )
    """Folder of files under way; on a disk of the machine, kept over restarts."""

    max_concurrent: int = field(default=25, validator=[ge(1), le(1000)])
    """Files under way at once in one worker."""

    connect_timeout_seconds: float = field(default=10.0, validator=gt(0))
    """Time to open a connection."""

    read_timeout_seconds: float = field(default=60.0, validator=gt(0))
    """How long nothing may come; a file that keeps coming may take any time."""

    max_redirects: int = field(default=5, validator=[ge(0), le(20)])
    """Redirects followed for one request, each checked as the link was."""

    max_retries: int = field(default=2, validator=[ge(0), le(10)])
    """Further tries without progress in between, before the record goes to a retry topic."""

    backoff_seconds: float = field(default=0.5, validator=gt(0))
    """First wait between tries; doubles each time."""

    range_threshold_bytes: int = field(default=50 * 1024 * 1024, validator=ge(1))
    """Larger files are fetched by ranges and go on where they were after a failure."""

    range_bytes: int = field(default=20 * 1024 * 1024, validator=ge(1))
    """Size of a range."""

    slice_seconds: float = field(default=60.0, validator=gt(0))
    """After this long a file fetched by ranges lets others have a turn; then it goes on."""

    max_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """Larger files are refused; not given: none is."""

    files_remembered: int = field(default=50_000, validator=ge(0))
    """Stored files that ``download`` knows, the latest: an event that names one again does not
    have it fetched. 50,000 take some 20 MB. 0: every event has its files fetched."""

    breaker_failures: int = field(default=5, validator=ge(0))
    """Failures of a host in a row before nothing is fetched from it for a while; 0 for never."""

    breaker_open_seconds: float = field(default=15.0, validator=gt(0))
    """How long nothing is fetched then; afterwards one file tries whether it works again."""

    network: NetworkSettings = field(factory=NetworkSettings)
    """What differs here from the section ``network``."""
