"""Stages: what chains of plugin workers are made of."""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
