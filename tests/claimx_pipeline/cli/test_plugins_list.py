"""``claimx-run plugins list`` tells the story of every plugin, and fails at none."""

import json

import pytest

from tests.rigs.command import run
from tests.rigs.plugin_folder import write_plugin

GOOD = "version = '1.2'\ndef execute(self, context): ..."


@pytest.mark.incident("PLG-03")
def test_every_plugin_has_its_story(tmp_path):
    write_plugin(tmp_path, "good", GOOD)
    write_plugin(tmp_path, "off", GOOD, enabled=False)
    write_plugin(tmp_path, "broken", GOOD + "\nimport nowhere_to_be_found")
    (tmp_path / "claimx.yaml").write_text(
        "plugins: {dir: plugins, broken: {required: true}, good: {priority: 3}}\n"
    )
    result = run("plugins", "list", "--json", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    told = {each["name"]: each for each in json.loads(result.stdout)}
    assert [told[name]["state"] for name in ("good", "off", "broken")] == [
        "loaded",
        "disabled",
        "failed",
    ]
    assert (told["good"]["version"], told["good"]["priority"]) == ("1.2", 3)
    assert "claimx_enrichment_complete" in told["good"]["hooks"]
    assert "nowhere_to_be_found" in told["broken"]["problem"]
    assert told["broken"]["origin"].endswith("broken/config.yaml")

    refused = run("topics", "list", cwd=tmp_path)
    assert refused.returncode == 2
    assert "plugin 'broken'" in refused.stderr
    assert "plugins.broken.enabled: false" in refused.stderr
