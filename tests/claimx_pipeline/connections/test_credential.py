from __future__ import annotations

import pytest

from claimx_pipeline.connections.credential import check_connection, credential_headers, token_of
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings


def settings(base_url="https://a.test", **given):
    return ConnectionSettings(base_url=base_url, **given)


@pytest.mark.incident("API-01")
@pytest.mark.parametrize("token", ["abc", "\ufeffabc", "abc\r\n", " abc\n"])
def test_a_token_from_a_file_is_used_without_its_line_end(token):
    given = settings(auth_type="bearer", auth_token=Secret(token))
    check_connection("vendor", given)
    assert credential_headers(given, token_of(given)) == {"Authorization": "Bearer abc"}


@pytest.mark.parametrize("url", ["a.test", "ftp://a.test", "https://", "file://"])
def test_a_base_url_that_leads_nowhere_is_refused(url):
    with pytest.raises(SettingsError, match=r"connections\.vendor\.base_url: must start with"):
        check_connection("vendor", settings(url))


def test_a_credential_in_the_base_url_is_refused_and_not_shown():
    with pytest.raises(SettingsError, match="must not hold a credential") as caught:
        check_connection("vendor", settings("https://me:SECRET@a.test"))
    assert "SECRET" not in str(caught.value)


@pytest.mark.incident("API-04")
@pytest.mark.parametrize("token", [None, Secret(""), Secret(" \n")])
def test_a_missing_token_is_refused(token):
    with pytest.raises(SettingsError, match=r"auth_token: is empty, but auth_type is 'bearer'"):
        check_connection("vendor", settings(auth_type="bearer", auth_token=token))


def test_a_token_with_the_scheme_in_front_is_refused():
    with pytest.raises(SettingsError, match="starts with 'basic', which is added by itself"):
        check_connection("vendor", settings(auth_type="basic", auth_token=Secret("Basic abc")))


def test_a_token_that_no_header_can_carry_is_refused():
    with pytest.raises(SettingsError, match="holds characters that no header can carry"):
        check_connection("vendor", settings(auth_type="api_key", auth_token=Secret("a\nb")))


def test_all_problems_are_reported_at_once():
    with pytest.raises(SettingsError) as caught:
        check_connection("vendor", settings("nowhere", auth_type="basic"))
    assert len(caught.value.problems) == 2


def test_a_probe_that_leads_elsewhere_is_refused():
    with pytest.raises(SettingsError, match=r"connections\.vendor\.probe: must be a path"):
        check_connection("vendor", settings(probe="https://b.test/health"))
