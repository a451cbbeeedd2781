import pytest

from claimx_pipeline.settings.show import shown_settings
from tests.rigs.settings_text import load_text


@pytest.mark.incident("CFG-04")
def test_every_setting_is_shown_with_its_origin_and_no_credential(tmp_path):
    text = (
        "broker:\n  url: kafka://me:hunter2@host:1\n"
        "claimx:\n  api:\n    token: hunter2\n    base_url: ${GAP}\n"
        "connections:\n  token_service:\n    base_url: https://x\n"
        "    headers: {Authorization: hunter2, Accept: text/plain, X: '${MY_TOKEN}'}\n"
        "plugins:\n  p:\n    config: {secrets: {a: hunter2}, list: [1, x], n: 5}\n"
    )
    loaded = load_text(tmp_path, text, {"MY_TOKEN": "hunter2", "LOG_LEVEL": "ERROR"})
    shown = {each.path: (each.value, each.origin) for each in shown_settings(loaded)}
    assert set(shown) == set(loaded.origins)
    assert "hunter2" not in repr(shown)
    assert shown["broker.url"] == ("kafka://********@host:1", "claimx.yaml:2")
    assert shown["claimx.api.token"] == ("********", "claimx.yaml:5")
    assert shown["claimx.api.base_url"] == ("<unresolved: GAP>", "claimx.yaml:6")
    assert shown["claimx.api.max_concurrent"] == (20, "default")
    assert shown["connections.token_service.base_url"] == ("https://x", "claimx.yaml:9")
    assert shown["connections.token_service.headers.Accept"] == ("text/plain", "claimx.yaml:10")
    assert shown["connections.token_service.auth_token"] == (None, "default")
    assert shown["plugins.p.config.list"] == ([1, "x"], "claimx.yaml:13")
    assert shown["plugins.p.config.n"] == (5, "claimx.yaml:13")
    assert shown["logging.level"] == ("ERROR", "environment LOG_LEVEL")
    assert shown["health.port"] == (None, "default")
