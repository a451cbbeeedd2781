"""What the texts of settings must look like, by their kind."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.settings.kinds import listening_host, local_path, location, optional_http_url


@pytest.mark.parametrize("value", ["claimx-data", "/var/lib/a b", "~/x", "a" * 255, "C:\\x", "."])
def test_a_path_of_this_machine_is_one(value):
    assert local_path(value) is None
    assert location(value) is None


@pytest.mark.parametrize("value", ["s3://b/x", "file:///etc", "http://h", "kafka://"])
def test_a_url_is_not_taken_for_a_folder(value):
    assert "a URL" in local_path(value)


@pytest.mark.parametrize("value", ["a\0b", "é" * 128, "x/" + "y" * 256, "a" * 256 + "/x"])
def test_what_no_file_system_takes_is_refused(value):
    assert local_path(value)
    assert location(value)


@pytest.mark.parametrize("value", ["http://[::1", "s3:/b", "s3://", "abfss:x"])
def test_what_is_not_a_location_is_refused(value):
    assert "not a valid location" in location(value)


@pytest.mark.parametrize("value", ["127.0.0.1", "0.0.0.0", "::", "::1", "localhost", "a.b-c.d"])
def test_an_address_to_listen_on(value):
    assert listening_host(value) is None


@pytest.mark.parametrize(
    "value", ["http://h", "/", "a b", "h:80", "[::1]", "{x}", "..", "300 ", "x" * 300, "é"]
)
def test_what_nothing_can_listen_on_is_refused(value):
    assert "not a valid address" in listening_host(value)


def test_an_address_may_be_left_empty_and_must_be_one_otherwise():
    assert optional_http_url("") is None
    assert optional_http_url("http://collector:4318/v1/traces") is None
    assert "not a valid URL" in optional_http_url("kafka://h")


@given(st.text())
def test_every_text_is_judged(value):
    for judge in (local_path, location, listening_host, optional_http_url):
        assert judge(value) is None or isinstance(judge(value), str)
