"""The page about tables is what their declarations say, and every column says something."""

from __future__ import annotations

import pytest

from claimx_pipeline import Pipeline
from tests.pages.tables import COMMAND, PAGE, page, tables


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), f"run {COMMAND}"


@pytest.mark.plugin
def test_the_page_has_every_table_of_a_pipeline_with_both_distributions(tmp_path):
    declared = Pipeline.load(environ={}, cwd=tmp_path).tables
    assert {spec.name for spec in tables()} == set(declared)


@pytest.mark.parametrize("spec", tables(), ids=lambda spec: spec.name)
def test_every_table_and_column_says_what_it_is_and_where_it_comes_from(spec):
    assert spec.summary
    assert spec.doc
    assert not [c.name for c in spec.stored_columns() if not (c.doc and c.source)]
    for name in (column.name for column in spec.stored_columns()):
        assert f"\n| `{name}` |" in page().partition(f"\n## `{spec.name}`")[2].partition("\n## ")[0]
