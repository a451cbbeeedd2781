"""The root face: few names, quickly imported; names that have moved say where to."""

import subprocess
import sys
from importlib import import_module

import pytest

import claimx_pipeline

MOVED = [(name, module) for module, names in claimx_pipeline._MOVED.items() for name in names]


def test_it_has_at_most_forty_names():
    assert len(claimx_pipeline.__all__) <= 40


def test_importing_it_imports_none_of_its_rooms():
    code = (
        "import sys, claimx_pipeline\n"
        "print([m for m in sys.modules if m.startswith('claimx_pipeline.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(("name", "module"), MOVED)
def test_a_name_that_has_moved_is_the_same_object_and_warns(name, module):
    with pytest.warns(DeprecationWarning, match=f"import {name} from claimx_pipeline.{module}; "):
        found = getattr(claimx_pipeline, name)
    there = getattr(import_module(f"claimx_pipeline.{module}"), name)
    assert found is there or found == there


def test_a_name_that_never_was_is_an_attribute_error():
    with pytest.raises(AttributeError, match="nothing_of_that_name"):
        _ = claimx_pipeline.nothing_of_that_name
