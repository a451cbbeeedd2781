"""What a public class, function or constant says of itself, read from its source."""

from __future__ import annotations

import ast
import enum
import importlib
import inspect
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import frozen

from claimx_pipeline._faces import INTERNAL

OURS = "claimx_pipeline"


@frozen
class Field:
    """One field of a class, as it is written."""

    name: str
    type: str
    default: str
    """As it is written; empty if it has to be given."""
    doc: str


@frozen
class Method:
    """One method of a class."""

    name: str
    signature: str
    doc: str


def own_classes(kind: type) -> Iterator[type]:
    """Yield *kind* and those of its bases that are ours, the nearest first."""
    yield from (each for each in kind.__mro__ if each.__module__.startswith(OURS))


def fields_of(kind: type) -> list[Field]:
    """Return the fields of *kind* that its users may give or read, inherited ones last."""
    found: dict[str, Field] = {}
    for each in own_classes(kind):
        for field in _written(each):
            if (
                field.name != "RETIRED"
                and not field.name.startswith("_")
                and f"{kind.__name__}.{field.name}" not in INTERNAL
            ):
                found.setdefault(field.name, field)
    return list(found.values())


def methods_of(kind: type) -> list[Method]:
    """Return the methods and properties of *kind* that its users may call."""
    found: dict[str, Method] = {}
    for each in own_classes(kind):
        for node in class_of(each).body:
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                continue
            private = node.name.startswith("_") or f"{kind.__name__}.{node.name}" in INTERNAL
            if not private and not _is_plumbing(node):
                doc = ast.get_docstring(node) or ""
                found.setdefault(node.name, Method(node.name, _signature(node), doc))
    return list(found.values())


def documented(module: ModuleType, name: str) -> tuple[str, str]:
    """Return the value of a constant or alias as it is written, and its docstring."""
    body = tree_of(module).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if any(isinstance(each, ast.Name) and each.id == name for each in targets):
            return ast.unparse(node.value), _text(after)
    return "", ""


def home_of(public: str) -> ModuleType:
    """Return the module that defines the constant or alias *public*, named in full."""
    module_name, _, name = public.rpartition(".")
    module = importlib.import_module(module_name)
    stub = Path(str(module.__file__)).with_suffix(".pyi")
    if not stub.is_file():
        return module
    package = module_name if stub.name == "__init__.pyi" else module_name.rpartition(".")[0]
    for node in ast.parse(stub.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and any(each.name == name for each in node.names):
            parts = package.split(".")
            above = parts[: len(parts) - node.level + 1] if node.level else []
            return importlib.import_module(".".join([*above, node.module or ""]))
    return module


@cache
def tree_of(module: ModuleType) -> ast.Module:
    """Return the syntax tree of *module*."""
    try:
        return ast.parse(inspect.getsource(module))
    except (OSError, TypeError):
        return ast.Module([], [])


def class_of(kind: type) -> ast.ClassDef:
    """Return the syntax tree of a class."""
    module = importlib.import_module(kind.__module__)
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.ClassDef) and node.name == kind.__name__:
            return node
    return ast.ClassDef(kind.__name__, [], [], [], [])


def _written(kind: type) -> Iterator[Field]:
    body = class_of(kind).body
    for node, after in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if "init=False" in ast.unparse(node.value or ast.Constant(0)) and not _text(after):
                continue
            shown = ast.unparse(node.annotation)
            yield Field(node.target.id, shown, _default(node.value), _text(after))
        elif isinstance(node, ast.Assign) and issubclass(kind, enum.Enum):
            yield Field(node.targets[0].id, "", ast.unparse(node.value), _text(after))


def _default(value: ast.expr | None) -> str:
    if value is None:
        return ""
    if isinstance(value, ast.Call) and ast.unparse(value.func) in ("field", "attrs.field"):
        for keyword in value.keywords:
            if keyword.arg == "default":
                return ast.unparse(keyword.value)
            if keyword.arg == "factory":
                return f"{ast.unparse(keyword.value)}()"
        return ""
    return ast.unparse(value)


def _text(node: ast.stmt | None) -> str:
    said: Any = node.value if isinstance(node, ast.Expr) else None
    if isinstance(said, ast.Constant) and isinstance(said.value, str):
        return inspect.cleandoc(said.value)
    return ""


def _is_plumbing(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Whether it is a default, a validator or an overload, and nothing that is called."""
    marks = [ast.unparse(each) for each in node.decorator_list]
    return any(mark.endswith((".default", ".validator", "overload")) for mark in marks)


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    if any(ast.unparse(each).endswith("property") for each in node.decorator_list):
        returned = ast.unparse(node.returns) if node.returns else ""
        return f"{node.name}: {returned}".replace("'", "")
    return signature_of(node)


def signature_of(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    """Return name, parameters and types as they are written, without ``self``."""
    parameters = ast.unparse(node.args)
    for own in ("self, /, ", "self, ", "cls, ", "self", "cls"):
        if parameters == own or (own.endswith(" ") and parameters.startswith(own)):
            parameters = parameters[len(own) :]
            break
    returned = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    prefix = "async " if isinstance(node, ast.AsyncFunctionDef) else ""
    return f"{prefix}{node.name}({parameters}){returned}"


def function_of(function: Any) -> str:
    """Return the signature of a function as it is written."""
    module = importlib.import_module(function.__module__)
    for node in tree_of(module).body:
        named = getattr(node, "name", "") == function.__name__
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) and named:
            return signature_of(node)
    return f"{function.__name__}{inspect.signature(function)}"
