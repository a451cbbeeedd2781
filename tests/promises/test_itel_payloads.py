"""The page about the payloads shows the examples that ship."""

from __future__ import annotations

from typing import get_args

from itel_cabinet_plugin.settings import PayloadName
from tests.pages.itel_payloads import COMMAND, DOCUMENT, SECTIONS, page


def test_the_page_is_up_to_date_and_has_every_payload():
    assert DOCUMENT.read_text(encoding="utf-8") == page(), f"run {COMMAND}"
    assert tuple(SECTIONS) == get_args(PayloadName)
