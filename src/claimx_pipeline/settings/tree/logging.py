"""Section ``logging``: log lines."""

from __future__ import annotations

from typing import Literal

from attrs import frozen


@frozen(kw_only=True)
class LoggingSettings:
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is written."""

    format: Literal["auto", "plain", "json"] = "auto"
    """Plain lines on a terminal and JSON elsewhere, or always one of them."""
