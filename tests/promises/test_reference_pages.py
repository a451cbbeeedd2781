"""Pages of the reference that are made from the code are what the code says."""

import json

import pytest

from tests.pages import (
    commands,
    connections,
    errors,
    event_rows,
    messages,
    mistakes,
    raised,
    settings,
    stages,
    suites,
    task_triggers,
    topics,
)


@pytest.mark.plugin
@pytest.mark.parametrize(
    "made",
    [commands, connections, errors, messages, settings, stages, suites, task_triggers, topics],
    ids=lambda made: made.__name__,
)
def test_the_page_is_up_to_date(made):
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), f"run {made.COMMAND}"


@pytest.mark.plugin
def test_what_is_on_the_topics_is_what_the_page_lists(claimx_sandbox):
    claimx_sandbox.happen(20)
    claimx_sandbox.run("ingest", "enrichment")
    seen = {topic: claimx_sandbox.records(topic) for topic, *_ in messages.MESSAGES[:3]}
    page = messages.PAGE.read_text(encoding="utf-8")
    for topic, _, _, kind in messages.MESSAGES[:3]:
        found = {key for record in seen[topic] for key in json.loads(record.value)}
        assert found
        listed = [*messages.fields(kind), *messages.BESIDE.get(topic, ())]
        assert found <= {name for name, _ in listed}, topic
    names = {name for records in seen.values() for each in records for name, _ in each.headers}
    assert [name for name in sorted(names) if f"`{name}`" not in page] == []


SESSIONS = mistakes.sessions(mistakes.PAGE.read_text(encoding="utf-8"))


def test_there_are_twenty_mistakes_of_newcomers():
    assert len(SESSIONS) == 20
    assert [each for each in SESSIONS if "$ echo $?\n" not in each] == []


@pytest.mark.plugin
@pytest.mark.parametrize("session", SESSIONS, ids=lambda each: each.partition("\n")[0])
def test_a_newcomers_mistake_is_answered_as_the_page_says(session):
    assert mistakes.typed(session) == session, f"run {mistakes.COMMAND}"


def test_every_sentence_of_an_error_has_a_remedy():
    silent = {each.text for each in raised.sentences() if not each.remedy}
    known = set(errors.remedies())
    assert sorted(silent - known) == [], "say what to do: in the sentence, or in remedies.txt"
    assert sorted(known - silent) == [], "nothing says this any more; remove it from remedies.txt"


@pytest.mark.plugin
def test_every_setting_says_what_it_does():
    silent = [line for line in settings.page().splitlines() if line.endswith("|  |")]
    assert silent == []


@pytest.mark.plugin
def test_every_option_of_a_stage_says_what_it_does():
    assert [line for line in stages.page().splitlines() if line.endswith("|  |")] == []


def test_the_rows_that_an_event_brings_are_those_of_the_page():
    said = event_rows.PAGE.read_text(encoding="utf-8")
    assert said == event_rows.page(), "run python -m tests.pages.event_rows"
