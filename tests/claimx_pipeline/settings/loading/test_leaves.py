from attrs import evolve

from claimx_pipeline.settings.loading.leaves import leaves
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.plugins import PluginSettings, PluginsSettings
from claimx_pipeline.settings.tree.settings import Settings


def test_every_setting_has_a_path_as_in_the_file():
    settings = evolve(
        Settings(),
        plugins=PluginsSettings(named={"x": PluginSettings(config={"a": [1, {"b": 2}]})}),
        sections={"extra": {"token": Secret("s")}},
    )
    paths = {leaf.path: leaf.value for leaf in leaves(settings)}
    assert paths["claimx", "api", "max_retries"] == 2
    assert paths["plugins", "x", "enabled"] is True
    assert paths["plugins", "x", "config", "a", 1, "b"] == 2
    assert paths["extra", "token"].reveal() == "s"
    assert paths["workers",] == {}
    assert not any("named" in path or "sections" in path for path in paths)
