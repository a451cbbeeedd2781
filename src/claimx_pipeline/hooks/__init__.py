"""What hooks are called with, what they may return, and what a plugin's command prints with."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
