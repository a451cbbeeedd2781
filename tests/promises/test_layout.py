"""The listing tells the flow, and imports keep to it."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pages.public_api import MODULES, public_names

OUTSIDE = ("demo", "demo_run", "simulate", "plugins_try")
"""Commands that bring the outside world along."""

SRC = Path(__file__).parents[2] / "src"
CORE = SRC / "claimx_pipeline"
PLUGIN = SRC / "itel_cabinet_plugin"


def modules(root: Path) -> list[Path]:
    return sorted(root.rglob("*.py"))


def imports(file: Path) -> Iterator[str]:
    """Yield every module that *file* imports, also inside functions and for type checkers."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name(file: Path) -> str:
    return str(file.relative_to(SRC))


@pytest.mark.parametrize("file", modules(CORE), ids=name)
def test_the_core_does_not_know_the_plugin(file):
    assert not [module for module in imports(file) if module.startswith("itel_cabinet_plugin")]
    if "simulator" not in file.parts and file.stem not in OUTSIDE:
        assert "itel" not in file.read_text().lower(), "names a plugin"


@pytest.mark.parametrize("file", modules(CORE / "workers"), ids=name)
def test_workers_do_not_import_each_other(file):
    if file.stem == "file_workers":
        return  # it declares three of them, and imports one only to build it
    own = f"claimx_pipeline.workers.{file.stem}"
    assert not [
        module
        for module in imports(file)
        if module.startswith("claimx_pipeline.workers.") and not module.startswith(own)
    ]


@pytest.mark.parametrize("file", modules(CORE), ids=name)
def test_nothing_but_the_command_line_imports_the_command_line(file):
    if "cli" in file.relative_to(CORE).parts or file.parent == CORE:
        return
    found = {module for module in imports(file) if module.startswith("claimx_pipeline.cli")}
    allowed = {"claimx_pipeline.hooks.command", "claimx_pipeline.hooks.command.Command"}
    if "simulator" in file.parts:
        allowed |= {module for module in found if module.startswith("claimx_pipeline.hooks.output")}
    assert found <= allowed


@pytest.mark.parametrize("file", modules(CORE), ids=name)
def test_operations_are_for_callers_alone(file):
    """The command line, the console, the library, the test kit and users call them, no other."""
    parts = file.relative_to(CORE).parts
    if parts[0] not in ("cli", "console", "library", "operations", "testing", "__init__.py"):
        assert not [each for each in imports(file) if each.startswith("claimx_pipeline.operations")]


@pytest.mark.parametrize("file", modules(CORE / "operations"), ids=name)
def test_an_operation_prints_nothing_asks_nothing_and_ends_no_process(file):
    assert not {"sys", "typer", "claimx_pipeline.cli"} & {
        part for module in imports(file) for part in (module, module.rpartition(".")[0])
    }
    called = {
        node.func.id
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert not called & {"print", "input", "exit", "quit"}


@pytest.mark.parametrize("file", modules(CORE), ids=name)
def test_only_the_composition_point_knows_all_parts(file):
    """``pipeline.py`` is imported by the command line, the console and users, by nothing else.

    ``operations/`` is what users do with a pipeline, ``library/`` what they do most of it.
    """
    callers = {"cli", "console", "library", "operations", "testing"}
    if file.name == "__init__.py" or callers & set(file.relative_to(CORE).parts):
        return
    assert "claimx_pipeline.pipeline" not in set(imports(file))


@pytest.mark.incident("PLG-06")
@pytest.mark.parametrize("file", modules(CORE) + modules(PLUGIN), ids=name)
def test_nothing_in_the_product_knows_the_simulator(file):
    parts = file.relative_to(SRC).parts
    # The hooks name what plugins may add to the simulated world.
    if "simulator" in parts or "testing" in parts or file.stem in (*OUTSIDE, "hookspecs"):
        return
    assert not [module for module in imports(file) if "simulator" in module]


@pytest.mark.parametrize("file", modules(CORE), ids=name)
def test_httpx_is_known_to_one_module(file):
    known = {"transport.py"} if file.parent.name == "connections" else set()
    if file.name not in known:
        assert not [module for module in imports(file) if module.split(".")[0] == "httpx"]


@pytest.mark.parametrize("file", modules(PLUGIN), ids=name)
def test_the_plugin_imports_only_what_is_public(file):
    """Public: ``claimx_pipeline`` itself and the modules that its reference page lists."""
    known = public_names()
    assert not [
        module
        for module in imports(file)
        if module.startswith("claimx_pipeline.")
        and module not in known
        and module.removeprefix("claimx_pipeline.") not in {"hookspecs", *MODULES}
    ]


def test_every_public_name_can_be_imported():
    import claimx_pipeline

    assert all(getattr(claimx_pipeline, name) is not None for name in claimx_pipeline.__all__)


@pytest.mark.parametrize("file", modules(SRC), ids=name)
def test_a_file_has_one_subject_and_is_not_long(file):
    """Every hook is in one file, whose docstrings are the reference page."""
    if file.name != "hookspecs.py":
        assert len(file.read_text(encoding="utf-8").splitlines()) <= 350
