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


def executed(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """Return the outputs of each cell with code, in the folder of the process."""

    async def run_cells() -> list[list[dict[str, Any]]]:
        scope: dict[str, Any] = {"__name__": "__main__"}
        sources = ["".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"]
        return [await _outputs(source, scope, number) for number, source in enumerate(sources, 1)]

    return asyncio.run(run_cells())


async def _outputs(source: str, scope: dict[str, Any], number: int) -> list[dict[str, Any]]:
    """Run one cell; return what it prints, and what its last line shows if it has a value."""
    tree = ast.parse(source)
    last = tree.body.pop() if isinstance(tree.body[-1], ast.Expr) else None
    value, out = None, io.StringIO()
    with contextlib.redirect_stdout(out):
        await _run(tree, scope)
        if isinstance(last, ast.Expr):
            value = await _run(ast.Expression(last.value), scope)
    text = out.getvalue().splitlines(True)
    stream = {"name": "stdout", "output_type": "stream", "text": text}
    outputs: list[dict[str, Any]] = [stream] if text else []
    if value is not None:
        result = {"execution_count": number, "metadata": {}, "output_type": "execute_result"}
        outputs.append({"data": _shown(value), **result})
    return outputs


def _shown(value: Any) -> dict[str, list[str]]:
    shown = {"text/plain": repr(value).splitlines(True)}
    if hasattr(value, "_repr_html_"):
        shown = {"text/html": value._repr_html_().splitlines(True), **shown}
    return shown


async def _run(tree: ast.Module | ast.Expression, scope: dict[str, Any]) -> Any:
    mode = "exec" if isinstance(tree, ast.Module) else "eval"
    code = compile(tree, "a cell", mode, flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    answer = eval(code, scope)
    return await answer if inspect.isawaitable(answer) else answer


def main(file: Path) -> None:
    """Run *file* in an empty folder and store what its cells print and show."""
    notebook = json.loads(file.read_text(encoding="utf-8"))
    file = file.absolute()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        outputs = executed(notebook)
        os.chdir(file.parent)
    cells = [each for each in notebook["cells"] if each["cell_type"] == "code"]
    for number, (cell, shown) in enumerate(zip(cells, outputs, strict=True), 1):
        cell.update(execution_count=number, outputs=shown)
    file.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
