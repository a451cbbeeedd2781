"""What the command line does, to be called from Python; the names are listed in the stub.

Each function takes a pipeline first, raises the package's errors, prints nothing and asks
nothing; those that wait for a broker or for tables are coroutines. A name is imported when
it is first used, so importing this package loads neither the tables nor a broker's client.
"""

from claimx_pipeline._faces import attach

__getattr__, __dir__, __all__ = attach(__name__, __file__)
