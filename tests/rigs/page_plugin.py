"""The plugin that a page of the documentation has the reader write, installed as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.promises.how_to import DOCS
from tests.rigs.command import CLEAN

PAGE = DOCS / "how-to" / "add-an-event-type.md"


def write_package(folder: Path) -> Path:
    """Write the files of the page below *folder*; return the package's folder."""
    text = PAGE.read_text(encoding="utf-8")
    for path, content in re.findall(
        r"`(claim_notes/[^`]+)`:\n\n```\w+\n(.*?)^```", text, re.DOTALL | re.MULTILINE
    ):
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
    return folder / "claim_notes"


def install(package: Path, site: Path) -> Path:
    """Install *package* into *site*, as ``pip install`` does."""
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run(
        [*pip, "--target", str(site), str(package)], env=CLEAN, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return site
