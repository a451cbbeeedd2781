"""The classes that plugins are made from: ``Plugin``, the task trigger and its conditions."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
