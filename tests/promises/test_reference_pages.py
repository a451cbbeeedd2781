"""Pages of the reference that are made from the code are what the code says."""

import pytest

from tests.pages import (
    commands,
    connections,
    event_rows,
    settings,
    stages,
    task_triggers,
    topics,
)


@pytest.mark.plugin
@pytest.mark.parametrize(
    "made",
    [commands, connections, settings, stages, task_triggers, topics],
    ids=lambda made: made.__name__,
)
def test_the_page_is_up_to_date(made):
    assert made.PAGE.read_text(encoding="utf-8") == made.page(), f"run {made.COMMAND}"


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
