"""``claimx-run monitoring export`` writes what plugins add, too."""

import json

import pytest
import yaml

from claimx_pipeline import Pipeline, UsageError, operations
from tests.rigs.command import run
from tests.rigs.plugin_folder import write_plugin

BODY = """
def claimx_register_monitoring(self, settings):
    from claimx_pipeline.hooks import Alert, Dashboard, Panel, Query

    panel = Panel(title="Seen", text="Claims seen.", queries=[Query("sum(acme_seen_total)")])
    return [
        Dashboard(uid="{uid}", title="Acme", text="What Acme does.", panels=[panel]),
        Alert(
            name="{alert}",
            expr="sum(increase(acme_seen_total[1h])) == 0",
            wait="10m",
            severity="warning",
            summary="silent",
            means="No claim has come.",
            look=["Whether others get claims, see [lag](../../x.md)."],
            remedy=["Ask."],
            call="The sender.",
        ),
    ]

claimx_register_monitoring = hookimpl(claimx_register_monitoring)
"""


def add_plugin(folder, name: str, uid: str, alert: str = "AcmeSilent") -> None:
    (folder / "claimx.yaml").write_text("plugins: {dir: plugins}\n")
    body = "from claimx_pipeline import hookimpl\n" + BODY
    write_plugin(folder, name, body.replace("{uid}", uid).replace("{alert}", alert))


def test_the_command_writes_what_the_core_and_a_plugin_declare(tmp_path):
    add_plugin(tmp_path, "acme", "acme")
    done = run("monitoring", "export", "out", "--runbooks", "https://wiki/alerts/", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    assert f"wrote {out.relative_to(tmp_path)}/grafana/acme.json" in done.stdout
    dashboard = json.loads((out / "grafana" / "acme.json").read_text())
    (panel,) = dashboard["panels"]
    assert panel["targets"][0]["expr"] == "sum(acme_seen_total)"
    assert (out / "grafana" / "claimx-overview.json").exists()
    (group,) = yaml.safe_load((out / "prometheus" / "claimx-alerts.yaml").read_text())["groups"]
    rules = {rule["alert"]: rule for rule in group["rules"]}
    url = rules["AcmeSilent"]["annotations"]["runbook_url"]
    assert url == "https://wiki/alerts/acme-silent.md"
    assert "ClaimxLagHigh" in rules
    page = (out / "runbooks" / "acme-silent.md").read_text()
    assert "Whether others get claims, see lag." in page, "links into the docs lead nowhere here"


@pytest.mark.parametrize(
    ("bodies", "problem"),
    [
        (
            {"one": ("acme", "AcmeSilent"), "two": ("acme", "OtherSilent")},
            "plugin 'two' registers part of the monitoring 'acme', which plugin 'one' has",
        ),
        (
            {"one": ("acme", "ClaimxLagHigh")},
            "plugin 'one' registers part of the monitoring 'ClaimxLagHigh', which the pipeline has",
        ),
    ],
)
def test_a_name_that_is_there_already_is_refused_by_the_check_too(tmp_path, bodies, problem):
    for name, (uid, alert) in bodies.items():
        add_plugin(tmp_path, name, uid, alert)
    for command in (("config", "check"), ("monitoring", "export", "out")):
        done = run(*command, cwd=tmp_path)
        assert done.returncode > 0
        assert problem in done.stdout + done.stderr
    assert not (tmp_path / "out").exists()


def test_a_file_in_the_way_is_refused_with_its_name(tmp_path):
    (tmp_path / "out").write_text("")
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    with pytest.raises(UsageError, match="cannot be written"):
        operations.export_monitoring(pipeline, tmp_path / "out")
