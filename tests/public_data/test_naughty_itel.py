"""The Big List of Naughty Strings in forms, in what iTel is sent and in what it answers.

Nothing of it fails a form, and what people typed reaches iTel as they typed it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from claimx_pipeline import RecordError
from claimx_pipeline.runtime.outcome import Dead
from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.submission.payload import submission_of
from itel_cabinet_plugin.submission.schema import VENDOR_SCHEMA, SubmissionSchema
from itel_cabinet_plugin.submission.vendor import vendor_submission_of
from tests.fakes.http_service import Reply
from tests.fakes.itel_samples import completed
from tests.itel_cabinet_plugin.conftest import outside  # noqa: F401 - a fixture
from tests.rigs.itel_sender import YES, receiver, wanted


@pytest.fixture
def naughty(public_data: Callable[[str], Path]) -> list[str]:
    texts: list[str] = json.loads((public_data("blns") / "blns.json").read_text(encoding="utf-8"))
    assert len(texts) > 500
    return texts


def described(text: str, number: int = 7001234) -> dict:
    """Return a task whose answers hold *text* wherever people may write."""
    task = {**completed(), "assignmentId": number, "assignor": text, "taskName": text}
    task["externalLinkData"] = {**task["externalLinkData"], "firstName": text, "phone": text}
    for group in task["response"]["groups"]:
        for asked in group["questionAndAnswers"]:
            export = asked["responseAnswerExport"]
            if export and export.get("type") == "text":
                export["text"] = text
    return task


def test_any_text_in_a_form_is_kept_and_sent_as_it_is(naughty):
    for text in naughty:
        parsed = parse_form(described(text))
        assert parsed.form.damage_description in (text, None)
        for made in (
            submission_of(parsed),
            vendor_submission_of(parsed, {}, carrier_id="c", subscription_id="s"),
        ):
            assert json.loads(msgspec.json.encode(made)) == json.loads(json.dumps(made))
        SubmissionSchema().check(submission_of(parsed))
        SubmissionSchema(VENDOR_SCHEMA).check(
            vendor_submission_of(parsed, {}, carrier_id="c", subscription_id="s")
        )


@pytest.mark.incident("STR-26")
@pytest.mark.incident("STR-27")
def test_any_text_in_place_of_an_id_or_a_time_is_read_or_reported(naughty):
    names = ("assignmentId", "taskId", "projectId", "dateAssigned", "dateCompleted")
    for text in naughty:
        task = completed() | dict.fromkeys(names, text)
        parsed = parse_form(task)
        reported = {each.question for each in parsed.unmatched if not each.group}
        form = parsed.form
        read = dict(
            zip(
                names,
                (
                    form.assignment_id,
                    form.task_id,
                    form.project_id,
                    form.date_assigned,
                    form.date_completed,
                ),
                strict=True,
            )
        )
        for name in names:
            assert (read[name] is None) is (name in reported or not text.strip()), (text, name)
        assert form.project_id is None or form.project_id.isdigit()
        try:
            SubmissionSchema().check(submission_of(parsed))
        except RecordError:
            assert None in read.values()


def test_any_text_in_an_answer_group_or_question_fails_no_form(naughty):
    for text in naughty:
        task = completed()
        for group in task["response"]["groups"]:
            group["name"] = text
            for asked in group["questionAndAnswers"]:
                asked["questionText"] = text
                asked["responseAnswerExport"] = {"type": text, "optionAnswer": {"name": text}}
        parsed = parse_form(task)
        assert json.loads(parsed.form.raw_data or "null")


async def test_every_form_reaches_itel_once_as_it_was_written(naughty, outside):  # noqa: F811
    texts = naughty[::5]
    async with receiver(outside.resources) as itel:
        items = [wanted(1 + at) for at in range(len(texts))]
        for item, (at, text) in zip(items, enumerate(texts), strict=True):
            item.data["form"] = parse_form(described(text, 1 + at))
        await itel.send(*items)
        await itel.restart()
        for at, text in enumerate(texts):
            again = wanted(1 + at)
            again.data["form"] = parse_form(described(text, 1 + at))
            await itel.send(again)
        sent = {each.json()["assignmentId"]: each.json() for each in itel.asked}
        assert len(itel.asked) == len(texts) == len(sent)
        for at, text in enumerate(texts):
            assert sent[1 + at]["damageDescription"] in (text, None)


@pytest.mark.incident("STR-24")
async def test_any_text_of_itel_is_no_yes_by_itself(naughty, outside):  # noqa: F811
    async with receiver(outside.resources) as itel:
        for at, text in enumerate(naughty[::5]):
            for reply, kind in (
                (Reply({"success": False, "message": text}), Dead),
                (Reply(text), None),
                (Reply(text.encode()), None),
            ):
                itel.answer = lambda _asked, reply=reply: reply
                (item,) = await itel.send(wanted(1 + at))
                assert item.outcome is not None, text
                assert kind is None or isinstance(item.outcome, kind)
            itel.answer = lambda _asked, text=text: Reply({**YES, "itel_task_id": text})
            (item,) = await itel.send(wanted(1 + at))
            assert item.outcome is None
