"""Every incident is answered, and the page that says so is true."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.pages.reliability import COMMAND, DOCUMENT, Register, written

COUNTS = {
    "OFF": 11,
    "REB": 8,
    "DEL": 12,
    "API": 8,
    "MED": 7,
    "RET": 9,
    "CFG": 4,
    "PLG": 7,
    "OBS": 5,
    "SEC": 3,
    "PRF": 5,
    "SHD": 3,
    "PRC": 3,
    "LAT": 20,
}


@pytest.fixture(scope="module")
def register() -> Register:
    return Register.read()


def test_the_list_of_incidents_is_whole(register):
    found = Counter(each.partition("-")[0] for each in register.incidents)
    assert {group: count for group, count in found.items() if group != "STR"} == COUNTS
    assert list(register.groups) == [*COUNTS, "STR"]


def test_every_mark_names_an_incident_that_exists(register):
    assert {
        each: tests for each, tests in register.tests.items() if each not in register.incidents
    } == {}


def test_every_incident_has_a_test_or_a_reason(register):
    assert register.unanswered() == []


def test_what_is_still_to_come_is_told(register):
    """Nothing waits for a test unless it says where it stands; the list is printed."""
    waiting = register.waiting()
    print(f"{len(waiting)} incidents wait for a test:")
    for each, answer in waiting.items():
        print(f"  {each} {answer}")
    assert all(answer.endswith(" yet.") for answer in waiting.values())


def test_the_page_is_up_to_date(register):
    assert DOCUMENT.read_text() == written(register), f"run {COMMAND}"
