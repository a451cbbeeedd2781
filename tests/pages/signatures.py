"""Which of our types the signature of a public class or function names."""

from __future__ import annotations

import ast
import importlib
import inspect
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

import attrs

from claimx_pipeline._faces import INTERNAL
from tests.pages.declared import OURS, own_classes, tree_of


def named_types(thing: object) -> Iterator[tuple[str, type]]:
    """Yield each of our types that *thing* names, with the part of it that does."""
    for where, hint in _hints(thing):
        for kind in _types_in(hint):
            if kind.__module__.startswith(OURS):
                yield where, kind


def _hints(thing: object) -> Iterator[tuple[str, Any]]:
    if inspect.isclass(thing):
        for each in own_classes(thing):
            for name, written in vars(each).get("__annotations__", {}).items():
                if not name.startswith("_") and f"{thing.__name__}.{name}" not in INTERNAL:
                    shown = _evaluated(written, each.__module__)
                    yield name, shown
            yield from _of_methods(each, thing)
    elif inspect.isfunction(thing):
        yield from _of_function("", thing)


def _of_methods(kind: type, of: type) -> Iterator[tuple[str, Any]]:
    for name, found in vars(kind).items():
        made = name == "__init__" and not attrs.has(kind)
        if (name.startswith("_") and not made) or f"{of.__name__}.{name}" in INTERNAL:
            continue
        function = found
        if isinstance(found, property):
            function = found.fget
        elif isinstance(found, (classmethod, staticmethod)):
            function = found.__func__
        elif hasattr(found, "func"):
            function = found.func
        if inspect.isfunction(function):
            yield from _of_function(name, function)


def _of_function(name: str, function: Any) -> Iterator[tuple[str, Any]]:
    for part, written in function.__annotations__.items():
        yield f"{name}({part})", _evaluated(written, function.__module__)


def _evaluated(written: Any, module: str) -> Any:
    return eval(written, _namespace(module)) if isinstance(written, str) else written


@cache
def _namespace(name: str) -> dict[str, Any]:
    """Return what names mean in a module, those that only type checkers import included."""
    module = importlib.import_module(name)
    found = dict(vars(module))
    for node in ast.walk(tree_of(module)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for line in node.body:
                if isinstance(line, ast.ImportFrom) and line.module:
                    source = importlib.import_module(line.module)
                    names = ((each.asname or each.name, each.name) for each in line.names)
                    found |= {known: getattr(source, given) for known, given in names}
                elif isinstance(line, ast.Import):
                    found |= {
                        each.asname or each.name: importlib.import_module(each.name)
                        for each in line.names
                    }
    return found


def _types_in(hint: Any) -> Iterator[type]:
    origin = typing.get_origin(hint)
    if origin is not None:
        if isinstance(origin, type):
            yield origin
        for inner in typing.get_args(hint):
            for each in inner if isinstance(inner, list) else [inner]:
                yield from _types_in(each)
    elif isinstance(hint, type):
        yield hint
