"""What counts as a misspelling of a name, and what as another name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.settings.nearest import nearest

NAMES = ("itel_cabinet_trigger", "itel_cabinet_api", "claimx.events.raw", "upload")


@pytest.mark.incident("STR-45")
@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("itel_cabinet_triger", "itel_cabinet_trigger"),
        ("itel-cabinet-trigger", "itel_cabinet_trigger"),
        ("Itel_Cabinet_API", "itel_cabinet_api"),
        ("claimx.evnets.raw", "claimx.events.raw"),
        ("uplaod", "upload"),
        ("itel_cabinet_parser", None),
        ("claimx.events.retry.5m", None),
        ("upload2", None),
        ("download", None),
        ("", None),
    ],
)
def test_a_misspelling_is_near(name, near):
    assert nearest(name, NAMES) == near


@given(st.text(max_size=12), st.lists(st.text(max_size=12), max_size=5))
def test_whatever_is_compared_a_name_is_near_to_itself(name, others):
    assert nearest(name, [*others, name]) in {name, *others}
