"""Runs the cells of a notebook as Jupyter does: one after the other, ``await`` at the top.

``python -m tests.rigs.notebook FILE`` runs them and stores in the file what they print.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any


def executed(notebook: dict[str, Any]) -> list[str]:
    """Return what each cell with code prints, in the folder of the process."""

    async def run_cells() -> list[str]:
        scope: dict[str, Any] = {"__name__": "__main__"}
        printed = []
        for cell in notebook["cells"]:
            if cell["cell_type"] == "code":
                out = io.StringIO()
                with contextlib.redirect_stdout(out):
                    await _run("".join(cell["source"]), scope)
                printed.append(out.getvalue())
        return printed

    return asyncio.run(run_cells())


async def _run(source: str, scope: dict[str, Any]) -> None:
    code = compile(source, "a cell", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    answer = eval(code, scope)
    if inspect.isawaitable(answer):
        await answer


def main(file: Path) -> None:
    """Run *file* in an empty folder and store what its cells print."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    file = file.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        printed = iter(executed(notebook))
        os.chdir(file.parent)
    for number, cell in enumerate(c for c in notebook["cells"] if c["cell_type"] == "code"):
        text = next(printed)
        stream = {"name": "stdout", "output_type": "stream", "text": text.splitlines(True)}
        cell.update(execution_count=number + 1, outputs=[stream] if text else [])
    file.write_text(json.dumps(notebook, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
