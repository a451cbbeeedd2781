"""The settings: the tree of them, where they come from, and how they are shown."""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
