"""The page about metrics is what a process serves, and no name or label disappears."""

from __future__ import annotations

import pytest

from tests.pages.metrics import COMMAND, PAGE, known, page, signatures

pytestmark = pytest.mark.plugin


def test_the_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), f"run {COMMAND}"


def test_names_and_labels_only_grow():
    """A dashboard of an older version works with a newer one."""
    gone = set(known()) - set(signatures())
    assert not gone, "served by an earlier version; keep them until the next major version"


def test_every_name_is_on_the_list():
    assert not set(signatures()) - set(known()), f"run {COMMAND}"
