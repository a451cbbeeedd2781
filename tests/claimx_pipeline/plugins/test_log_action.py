"""A log line can be asked for with its level or without."""

import attrs
import pytest

from claimx_pipeline.hooks import Log


@pytest.mark.parametrize(
    ("given", "named", "expected"),
    [
        (["text"], {}, ("info", "text")),
        (["warning", "text"], {}, ("warning", "text")),
        (["text"], {"level": "error"}, ("error", "text")),
        (["error"], {"message": "text"}, ("error", "text")),
        ([], {"message": "text"}, ("info", "text")),
        ([], {"level": "debug", "message": "text"}, ("debug", "text")),
    ],
)
def test_the_level_may_be_left_out(given, named, expected):
    assert attrs.astuple(Log(*given, **named)) == expected


@pytest.mark.parametrize(
    ("given", "named"),
    [([], {}), ([], {"level": "info"}), (["a", "b", "c"], {}), (["a"], {"lvl": "info"})],
)
def test_anything_else_is_refused_with_the_form(given, named):
    with pytest.raises(TypeError, match=r"Log\('warning', 'text'\)"):
        Log(*given, **named)
