"""Section ``claimx``: how its events come, and what the API is asked with."""

from __future__ import annotations

import pytest

from claimx_pipeline.settings.tree.claimx import ApiSettings, EventsSettings


@pytest.mark.parametrize("path", ["payload", "message.payload", "a.b.c", "a b.c-d"])
def test_a_path_is_keys_joined_by_dots(path):
    given = EventsSettings(payload_path=path, time_path=path)
    assert (given.payload_path, given.time_path) == (path, path)


@pytest.mark.parametrize("path", ["", " ", ".", "a.", ".a", "a..b", "a. b"])
@pytest.mark.parametrize("name", ["payload_path", "time_path"])
def test_a_path_with_an_empty_key_is_refused(name, path):
    with pytest.raises(ValueError, match=f"'{name}' is .*not a valid path; write keys joined"):
        EventsSettings(**{name: path})


@pytest.mark.parametrize("name", ["", " ", "a b", "a=b", "a&b", "é", "x" * 101])
def test_a_parameter_that_cannot_be_one_is_refused(name):
    with pytest.raises(ValueError, match="'media_parameter' is .*not a valid parameter"):
        ApiSettings(media_parameter=name)


def test_events_are_bare_and_files_asked_for_as_the_api_does_today():
    assert EventsSettings() == EventsSettings(preset=None, payload_path=None, time_path=None)
    assert ApiSettings().media_parameter == "mediaId"
