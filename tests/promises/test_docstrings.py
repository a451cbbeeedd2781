"""Code in a docstring works: it is run, or it is a suite to inherit, or settings that are read."""

import ast
import doctest
import importlib
import inspect
import re
import textwrap
from pathlib import Path

import pytest
import yaml

from claimx_pipeline.plugins.task_trigger import TaskTriggerPlugin
from itel_cabinet_plugin.form.conditions import compile_form_conditions

SRC = Path(__file__).parents[2] / "src"
HOOKS = "claimx_pipeline.hookspecs"
"""Its examples are run by ``test_hooks.py``."""
BLOCK = re.compile(r"::\n\n((?: {4}.*\n|\n)+)")


def module_of(file: Path) -> str:
    return ".".join(file.relative_to(SRC).with_suffix("").parts)


FILES = [file for file in sorted(SRC.rglob("*.py")) if "new_plugin" not in file.parts]
DOCTESTED = [module_of(file) for file in FILES if ">>> " in file.read_text(encoding="utf-8")]


def blocks() -> list[tuple[str, str]]:
    """Return the blocks of code in docstrings, each with its module."""
    found = []
    for file in FILES:
        if module_of(file) == HOOKS:
            continue
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                doc = inspect.cleandoc(ast.get_docstring(node) or "") + "\n"
                found += [(module_of(file), textwrap.dedent(each)) for each in BLOCK.findall(doc)]
    return found


def test_there_are_some():
    assert len(DOCTESTED) >= 2
    assert len(blocks()) >= 4


@pytest.mark.parametrize("name", DOCTESTED)
def test_what_a_docstring_types_prints_what_it_says(name):
    done = doctest.testmod(importlib.import_module(name))
    assert done.attempted
    assert not done.failed


@pytest.mark.plugin
@pytest.mark.parametrize(("name", "code"), blocks())
def test_a_block_in_a_docstring_is_what_it_shows(name, code, claimx_sandbox):
    if code.startswith("class "):
        (made,) = classes_of(code, vars(importlib.import_module(name)))
        own = [each for each in vars(made) if not each.startswith("_")]
        assert [each for each in own if not hasattr(made.__bases__[0], each)] == []
    elif code.startswith("triggers:"):
        claimx_sandbox.install(TaskTriggerPlugin, yaml.safe_load(code))
        assert claimx_sandbox.pipeline.plugins.left_out == []
    else:
        assert compile_form_conditions(yaml.safe_load(code))


def classes_of(code: str, names: dict) -> list[type]:
    """Return the classes that *code* defines, where *names* are known."""
    known = dict(names)
    exec(code, known)
    return [each for name, each in known.items() if name not in names and isinstance(each, type)]
