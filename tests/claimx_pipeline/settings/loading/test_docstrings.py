import importlib
import pkgutil

import attrs
import pytest

from claimx_pipeline.settings import tree
from claimx_pipeline.settings.loading.docstrings import class_doc, field_docs
from claimx_pipeline.settings.tree.plugins import PluginSettings

MODULES = [
    importlib.import_module(f"{tree.__name__}.{each.name}")
    for each in pkgutil.iter_modules(tree.__path__)
]
CLASSES = [
    kind
    for module in MODULES
    for kind in vars(module).values()
    if isinstance(kind, type) and attrs.has(kind) and kind.__module__ == module.__name__
]


@pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
def test_every_setting_says_what_it_means(kind):
    docs = field_docs(kind)
    assert class_doc(kind)
    assert [each.name for each in attrs.fields(kind) if not docs.get(each.name)] == []


def test_a_docstring_of_several_lines_is_one_line():
    assert field_docs(PluginSettings)["required"] == (
        "Whether a worker may start without it if it cannot be loaded. "
        "By default an installed package is required and a directory plugin is not."
    )


def test_a_class_without_source_has_no_docstrings():
    assert field_docs(attrs.make_class("Made", ["x"])) == {}
