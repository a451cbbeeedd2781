import pytest

from claimx_pipeline.settings.tree.claimx import ApiSettings
from claimx_pipeline.settings.tree.plugins import PluginSettings, PluginsSettings
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT, Settings
from claimx_pipeline.settings.tree.tables import TablesSettings


@pytest.mark.incident("CFG-04")
def test_no_default_names_a_customers_resource():
    shown = repr(Settings())
    assert "abfss://" not in shown
    assert "https://" not in shown


def test_every_variable_sets_a_setting_that_exists():
    for path in CORE_ENVIRONMENT.values():
        value = Settings()
        for name in path.split("."):
            value = getattr(value, name)


@pytest.mark.parametrize("value", ["", " "])
def test_a_location_must_not_be_empty(value):
    with pytest.raises(ValueError, match="must not be empty"):
        TablesSettings(root=value)
    with pytest.raises(ValueError, match="must not be empty"):
        TablesSettings(paths={"x": value})
    with pytest.raises(ValueError, match="must not be empty"):
        ApiSettings(base_url=value)


def test_a_plugin_without_settings_has_defaults():
    assert PluginsSettings().of("x") == PluginSettings()


def test_a_section_of_another_kind_is_refused():
    with pytest.raises(TypeError, match="is a int, not a str"):
        Settings(sections={"x": 1}).section("x", str)
