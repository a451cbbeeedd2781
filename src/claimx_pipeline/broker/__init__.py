"""Where records come from and go to: Kafka, the embedded broker in one file, or one of your own."""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
