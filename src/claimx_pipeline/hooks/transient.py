"""The error that a plugin raises for what passes by itself."""

from claimx_pipeline.errors import TransientError

__all__ = ["TransientError"]
