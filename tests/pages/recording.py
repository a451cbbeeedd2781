"""``docs/diagrams/demo.svg``: what a terminal shows of ``claimx-run demo``, from a real run.

``python -m tests.pages.recording`` runs it and draws it again.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

from tests.rigs.command import CLEAN
from tests.rigs.terminal import on_terminal

PICTURE = Path(__file__).parents[2] / "docs" / "diagrams" / "demo.svg"
COMMAND = "python -m tests.pages.recording"
COLUMNS = 104
TYPED = "claimx-run demo"
LEFT_OUT = "…"
FIRST_LINES, LAST_LINES = 21, 11
"""The beginning and the end are shown, without what is in between: it is long."""
_FONT = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Asks another host for a font."""


def run() -> str:
    """Run the demo on a terminal; return what is on the screen when it has ended."""
    programs = Path(sys.executable).parent
    with tempfile.TemporaryDirectory() as folder:
        written = on_terminal(
            *TYPED.split()[1:],
            cwd=Path(folder),
            width=COLUMNS,
            env={"PATH": f"{programs}{os.pathsep}{CLEAN['PATH']}"},
            program=[str(programs / TYPED.split(maxsplit=1)[0])],
        )
    return on_screen(written.replace(f"{programs}/", ""))


def on_screen(written: str) -> str:
    """Return what remains on the screen: a line that was written over shows its last state."""
    lines = [line.rpartition("\r\x1b[K")[2] for line in written.split("\n")]
    return "\n".join(lines).rstrip("\n")


def shortened(screen: str) -> str:
    """Return the first and last lines of *screen*."""
    lines = screen.splitlines()
    return "\n".join([*lines[:FIRST_LINES], LEFT_OUT, "", *lines[-LAST_LINES:]])


def drawn(screen: str) -> str:
    """Return *screen* as a picture that asks no other host for anything."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(f"[bold green]$[/] {TYPED}", highlight=False)
    console.print(Text.from_ansi(screen), overflow="fold")
    svg = console.export_svg(title=TYPED, theme=MONOKAI, unique_id="demo")
    return _FONT.sub("", svg).replace("Fira Code", "DejaVu Sans Mono")


if __name__ == "__main__":
    PICTURE.write_text(drawn(shortened(run())), encoding="utf-8")
