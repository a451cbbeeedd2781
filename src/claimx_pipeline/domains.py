"""Domains of events: their events, entities, handlers, files and sources; ClaimX among them."""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
