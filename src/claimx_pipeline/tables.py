"""Tables and named queries, how they are declared, and what former tables look like."""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
