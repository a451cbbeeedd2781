"""Section ``logging``: log lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, frozen
from attrs.validators import ge

from claimx_pipeline.settings.kinds import KIND, local_path
from claimx_pipeline.settings.tree.validators import not_blank


@frozen(kw_only=True)
class LoggingSettings:
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is written."""

    format: Literal["auto", "plain", "json"] = "auto"
    """Plain lines on a terminal and JSON elsewhere, or always one of them."""

    files: bool = False
    """Whether each worker's lines also go to a file of its own."""

    folder: str = field(default="logs", validator=not_blank, metadata={KIND: local_path})
    """Folder of these files."""

    rotate_bytes: int = field(default=50 * 2**20, validator=ge(1024))
    """A file that is larger is put aside and begun again; also when the day (UTC) is over."""

    keep_files: int = field(default=14, validator=ge(1))
    """Files put aside that are kept of each worker; older ones are deleted."""

    file_names: Mapping[str, str] = field(factory=dict)
    """Worker to the name of its file below the folder, where it is to have another one."""
