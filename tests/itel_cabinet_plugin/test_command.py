"""``claimx-run itel check-form``: a form looked at from the command line."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from claimx_pipeline.errors import UsageError
from itel_cabinet_plugin import form
from itel_cabinet_plugin.command import app
from tests.fakes.itel_samples import FOLDER, completed, question

SAMPLE = str(FOLDER / "task_32513_completed.json")


def run(*arguments):
    return CliRunner().invoke(app, ["check-form", *map(str, arguments)], catch_exceptions=False)


def test_json_holds_form_attachments_unmatched_and_report():
    result = run(SAMPLE, "--json")
    assert result.exit_code == 0
    shown = json.loads(result.stdout)
    assert set(shown) == {"form", "adjuster", "attachments", "unmatched", "report"}
    assert shown["form"]["island_cabinets_lf"] == 7.5
    assert shown["form"]["date_assigned"].startswith("2026-01-12T14:05:31.204")
    assert len(shown["form"]) == 56
    assert len(shown["attachments"]) == 21
    assert shown["unmatched"] == []
    assert shown["report"]["meta"]["task_id"] == 32513


def test_without_json_columns_photos_and_misfits_are_listed(tmp_path):
    task = completed()
    question(task, "Enter Damaged Description")["questionText"] = "What happened?"
    file = tmp_path / "task.json"
    file.write_text(json.dumps(task))
    result = run(file)
    assert "island_cabinets_lf\t7.5" in result.stdout
    assert "overview_photos\t1\t91000101" in result.stdout
    assert "unknown\tDamage Description\tWhat happened?" in result.stdout
    assert "21 photos, 2 that did not fit" in result.stderr


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is not JSON"), ("[]", "holds no JSON object"), (None, "cannot be read")],
)
def test_a_file_that_holds_no_task_is_refused_with_a_sentence(tmp_path, content, said):
    file = tmp_path / "task.json"
    if content is not None:
        file.write_text(content)
    with pytest.raises(UsageError, match=said):
        run(file)


def test_the_command_is_offered_to_claimx_run():
    (command,) = form.claimx_register_commands()
    assert (command.name, command.target) == ("itel", "itel_cabinet_plugin.command:app")
