"""Where the data sets are. None of them is part of this repository."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

VARIABLE = "CLAIMX_PUBLIC_DATA"


@pytest.fixture(scope="session")
def public_data() -> Callable[[str], Path]:
    """Return the folder of a data set by its name; without one the test is skipped."""

    def folder(name: str) -> Path:
        root = os.environ.get(VARIABLE)
        if not root:
            pytest.skip(f"{VARIABLE} is not set; let it name the folder with {name}")
        found = Path(root).expanduser() / name
        if not found.is_dir():
            pytest.fail(f"{VARIABLE} is {root!r}, and there is no folder {name} in it")
        return found.resolve()

    return folder
