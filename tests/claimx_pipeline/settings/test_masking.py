import pytest

from claimx_pipeline.settings.masking import masked, names_credential


@pytest.mark.parametrize(
    "name",
    [
        "Authorization",
        "auth_token",
        "client_secret",
        "password",
        "X-Api-Key",
        "AWS_ACCESS_KEY_ID",
        "connection_string",
        "Cookie",
        "signature",
        "apiKey",
        "VENDOR_API_KEY_2",
        "clientSecret",
        "SAS_TOKEN",
        "AccountKey",
        "private_key",
    ],
)
def test_the_name_of_a_credential_is_known(name):
    assert names_credential([name])


@pytest.mark.parametrize(
    "name",
    [
        "base_url", "max_retries", "auth_type", "auth", "project_key", 0, "author", "authority",
        "token_url", "max_tokens", "secretary", "design", "cookies_allowed", "primary_key_id", "",
    ],
)  # fmt: skip
def test_an_ordinary_name_is_ordinary(name):
    assert not names_credential([name])


@pytest.mark.parametrize(
    "text",
    [
        "kafka://user:hunter2@host:9092",
        "https://x/y?sv=1&sig=hunter2&z=1",
        "https://x/y?X-Amz-Signature=hunter2",
        "https://x/y?token=hunter2",
    ],
)
def test_a_url_is_shown_without_its_credentials(text):
    assert "hunter2" not in masked(text)


def test_an_ordinary_url_is_shown_whole():
    url = "abfss://files@account.dfs.core.windows.net/a?b=c"
    assert masked(url) == url
