"""What a Python process that a test starts is started with."""

import os
import sys
from types import ModuleType


def importing() -> dict[str, str]:
    """Return an environment in which a process can import what this one can, and no more."""
    return {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def command(module: ModuleType, *arguments: str) -> list[str]:
    """Return the command that runs *module* as a program."""
    return [sys.executable, "-m", module.__name__, *arguments]
