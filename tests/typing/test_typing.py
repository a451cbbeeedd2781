"""Authors of plugins get types: what is right passes mypy's strictest, what is wrong does not."""

from __future__ import annotations

import importlib
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import claimx_pipeline
from tests.rigs.command import run

pytest.importorskip("mypy", reason="nox -s typing installs it")

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SOURCES = Path(claimx_pipeline.__file__).parents[1]
CHECKS = (
    "--strict",
    "--disallow-any-unimported",
    "--warn-unreachable",
    "--explicit-package-bases",
    # The pipeline's own modules are checked by ``mypy`` in its checkout.
    "--follow-imports=silent",
    "--no-error-summary",
)


@pytest.fixture(scope="module")
def cache(tmp_path_factory) -> Path:
    """What mypy found out about the libraries, for all tests of this file."""
    return tmp_path_factory.mktemp("mypy")


def problems(cache: Path, target: Path, *roots: Path) -> str:
    """Return what mypy says about *target*, whose imports start at *roots*."""
    config = cache / "mypy.ini"
    config.write_text("[mypy]\n[mypy-pyarrow.*,aiokafka.*]\nignore_missing_imports = true\n")
    command = [sys.executable, "-m", "mypy", "--config-file", str(config)]
    done = subprocess.run(
        [*command, "--cache-dir", str(cache / "cache"), *CHECKS, str(target)],
        cwd=cache,
        env={**os.environ, "MYPYPATH": os.pathsep.join(map(str, (SOURCES, *roots)))},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode in {0, 1}, done.stderr
    return done.stdout


def test_all_that_plugins_are_written_of_is_typed(cache):
    assert problems(cache, HERE / "written", ROOT) == ""


@pytest.mark.parametrize(
    "face",
    [
        "claimx_pipeline",
        "claimx_pipeline.hooks",
        "claimx_pipeline.domains",
        "claimx_pipeline.stages",
        "claimx_pipeline.tables",
        "claimx_pipeline.operations",
        "claimx_pipeline.broker",
        "claimx_pipeline.settings",
        "claimx_pipeline.testing",
    ],
)
def test_no_public_name_is_any(cache, tmp_path, face):
    names = importlib.import_module(face).__all__
    shown = [f"reveal_type({name})" for name in names]
    imported = f"from {face} import {', '.join(names)}"
    (tmp_path / "names.py").write_text("\n".join([imported, *shown]))
    found = problems(cache, tmp_path / "names.py", tmp_path)
    types = re.findall(r'note: Revealed type is "(.*)"', found)
    assert len(types) == len(names), found
    assert {name for name, each in zip(names, types, strict=True) if each == "Any"} == set()


@pytest.mark.parametrize(
    ("target", "root"),
    [
        ("geofence-alerts/src", "geofence-alerts/src"),
        ("directory-plugin/plugins/big_claims", "directory-plugin/plugins/big_claims"),
        ("library", "library"),
        ("packed-broker/src", "packed-broker/src"),
    ],
)
def test_an_example_is_typed(cache, target, root):
    assert problems(cache, ROOT / "examples" / target, ROOT / "examples" / root) == ""


@pytest.mark.parametrize("kind", ["hook", "stage-worker", "domain", "source", "alert"])
def test_a_new_plugin_is_typed(cache, tmp_path, kind):
    arguments = ("plugins", "new", "acme_alerts", "--kind", kind)
    made = run(*arguments, cwd=tmp_path, env=dict(os.environ))
    assert made.returncode == 0, made.stderr
    sources = tmp_path / "acme_alerts" / "src"
    assert problems(cache, sources, sources) == ""


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("from claimx_pipeline import NoSuchName", "attr-defined"),
        ("from claimx_pipeline import Topic\nTopic(name=7)", "arg-type"),
        ("from claimx_pipeline import Topic\nTopic('a').partitons", "attr-defined"),
        ("from claimx_pipeline import PluginResult\nPluginResult.publish('t')", "call-arg"),
        (
            """
            from claimx_pipeline import EnrichmentContext, Plugin

            class Wrong(Plugin):
                def execute(self, context: EnrichmentContext) -> str:
                    return "done"
            """,
            "override",
        ),
        (
            """
            from claimx_pipeline import WorkerSpec
            from claimx_pipeline.stages import StageSpec

            WorkerSpec(name="w", summary="", group="g", reads=("t",), build=StageSpec("a", None))
            """,
            "arg-type",
        ),
        (
            """
            from claimx_pipeline.stages import Stage

            class NoStage:
                async def open(self) -> None: ...

            stages: dict[str, type[Stage]] = {"no_stage": NoStage}
            """,
            "dict-item",
        ),
    ],
)
def test_a_mistake_is_reported(cache, tmp_path, text, code):
    (tmp_path / "wrong.py").write_text(textwrap.dedent(text))
    found = problems(cache, tmp_path / "wrong.py", tmp_path)
    assert code in re.findall(r"\[([a-z-]+)\]", found), found
