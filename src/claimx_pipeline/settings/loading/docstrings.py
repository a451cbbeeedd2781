"""What the settings mean: the docstrings under the fields of their classes."""

from __future__ import annotations

import ast
import inspect
import itertools
import textwrap
from typing import Any


def class_doc(kind: type[Any]) -> str:
    """Return the first paragraph of the docstring of *kind*."""
    return _paragraph(inspect.getdoc(kind) or "")


def field_docs(kind: type[Any]) -> dict[str, str]:
    """Return the docstring under each field of *kind*, as one line, by field name.

    Empty if the source of *kind* is not at hand, as for a class made at run time.
    """
    try:
        source = textwrap.dedent(inspect.getsource(kind))
    except (OSError, TypeError):
        return {}
    docs: dict[str, str] = {}
    for base in reversed(kind.__mro__[1:-1]):
        docs |= field_docs(base)
    module = ast.parse(source)
    body = next((node.body for node in module.body if isinstance(node, ast.ClassDef)), [])
    for statement, following in itertools.pairwise(body):
        match statement, following:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str() as text)),
            ):
                docs[name] = " ".join(text.split())
    return docs


def _paragraph(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].split())
