"""A key in its second spelling means what the first means."""

import pytest

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loader import load_settings
from claimx_pipeline.settings.loading.sources import read_sources

CHAIN = """
workers:
  copies:
    input_topic: a
    {key}:
      - type: validation
"""


def load(folder, text):
    (folder / "claimx.yaml").write_text(text)
    return load_settings(read_sources(None, environ={}, cwd=folder))


def test_chain_and_enrichment_handlers_are_one_setting(tmp_path):
    first, second = (
        load(tmp_path, CHAIN.format(key=key)) for key in ("enrichment_handlers", "chain")
    )
    assert first.settings == second.settings
    assert [stage.type for stage in second.settings.workers["copies"].enrichment_handlers] == [
        "validation"
    ]


def test_both_spellings_at_once_are_a_problem_with_its_line(tmp_path):
    with pytest.raises(SettingsError) as raised:
        load(tmp_path, CHAIN.format(key="chain") + "    enrichment_handlers: [{type: send}]\n")
    (problem,) = raised.value.problems
    assert str(problem).startswith("claimx.yaml:")
    assert "'chain' and 'enrichment_handlers' are one setting; give one of them" in problem.what
