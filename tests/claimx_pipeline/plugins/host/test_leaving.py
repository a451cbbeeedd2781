"""A hook that is about to leave: it is called, and who implements it is named."""

import pytest

from claimx_pipeline import Pipeline, hookspecs
from claimx_pipeline.hooks.markers import hookspec, leaving

CODE = """
from claimx_pipeline import Plugin, hookimpl

class Old(Plugin):
    name = "old"

    @hookimpl
    def claimx_old_moment(self):
        return "called"
"""


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    @hookspec(warn_on_impl=leaving("claimx_old_moment", "0.9", "implement claimx_moment"))
    def claimx_old_moment():
        """Do what was done once."""

    monkeypatch.setattr(hookspecs, "claimx_old_moment", claimx_old_moment, raising=False)
    folder = tmp_path / "plugins" / "config" / "old"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("{module: old, class: Old}")
    (folder / "old.py").write_text(CODE)
    return Pipeline.load(environ={}, cwd=tmp_path)


def test_the_plugin_is_named_and_the_hook_is_called(pipeline):
    (warning,) = [each for each in pipeline.warnings if "old" in each.where]
    assert str(warning) == (
        "plugins.old: version 0.9 no longer calls its hook claimx_old_moment; "
        "implement claimx_moment"
    )
    assert pipeline.plugins.manager.hook.claimx_old_moment() == ["called"]
