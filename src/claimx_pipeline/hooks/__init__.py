"""What hooks are called with, what they may return, and what a plugin's command prints with."""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
