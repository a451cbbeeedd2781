"""The tests of an incident notice when its mechanism is broken."""

from __future__ import annotations

import random
import re

import pytest

from tests.pages.reliability import ROOT, marks
from tests.promises.mutation import Mutation, copied, mutations, run_tests


def name(mutation: Mutation) -> str:
    return mutation.incident


def chosen(config: pytest.Config) -> list[Mutation]:
    """Return all, or as many of the quick ones as asked for, drawn by the seed given."""
    count = config.getoption("--mutations")
    if count is None:
        return mutations()
    quick = [each for each in mutations() if each.quick]
    return random.Random(config.getoption("--mutation-seed")).sample(quick, count)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "broken" in metafunc.fixturenames:
        metafunc.parametrize("broken", chosen(metafunc.config), ids=name)


@pytest.fixture(scope="module")
def marked() -> dict[str, list[str]]:
    return marks()


@pytest.mark.parametrize("mutation", mutations(), ids=name)
def test_a_patch_fits_the_sources_and_its_tests_are_of_its_incident(mutation, marked):
    """Cheap, and in every run: what a patch replaces is there, once."""
    assert mutation.source().count(mutation.old) == 1, f"adapt it in {mutation.file}"
    assert mutation.tests
    tests = {re.sub(r"\[.*", "", test) for test in mutation.tests}
    assert tests <= set(marked[mutation.incident])


def test_twenty_incidents_have_a_patch():
    incidents = [mutation.incident for mutation in mutations()]
    strangers = {each for each in incidents if each.startswith("STR-")}
    assert len(set(incidents)) == len(incidents)
    assert len(set(incidents) - strangers) == 20


@pytest.mark.mutation
def test_unbroken_the_same_tests_pass(request, tmp_path):
    """A test that fails in any case would prove nothing."""
    copied(tmp_path)
    tests = [test for each in chosen(request.config) for test in each.tests]
    ran = run_tests(tests, tmp_path)
    assert ran.returncode == 0, ran.stdout


@pytest.mark.mutation
def test_a_broken_mechanism_is_noticed(broken, tmp_path):
    """Its tests, run against a copy that holds the patch, all fail."""
    assert ROOT not in tmp_path.parents
    assert broken.survives(tmp_path) == "", f"{broken.incident} can break unnoticed"
