"""What ``config check`` says of Kafka's login and encryption, without any Kafka."""

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.show import shown_settings
from tests.rigs.authority import Authority

TOKENS = "sasl_mechanism: OAUTHBEARER, security_protocol: SASL_SSL"
CLIENT = "client_id: i, token_url: 'https://login.example/token'"


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


def problems(folder, kafka: str, environ=None) -> list[str]:
    """Return what is wrong with the settings beneath ``broker.kafka``."""
    text = f"broker:\n  url: kafka://h:9093\n  kafka: {{{kafka}}}\n"
    (folder / "claimx.yaml").write_text(text)
    try:
        return [str(each) for each in Pipeline.load(environ=environ or {}, cwd=folder).check()]
    except SettingsError as error:
        return [str(each) for each in error.problems]


@pytest.mark.parametrize(
    ("kafka", "said"),
    [
        (
            "sasl_mechanism: SCRAM-SHA-256",
            "broker.kafka.sasl_mechanism: is 'SCRAM-SHA-256', but security_protocol is "
            "'PLAINTEXT', which has no login; write SASL_SSL",
        ),
        (
            "sasl_mechanism: GSSAPI, security_protocol: SASL_SSL",
            "expected one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512, OAUTHBEARER",
        ),
        (
            "sasl_mechanism: SCRAM-SHA-512, security_protocol: SASL_SSL, username: u",
            "broker.kafka: SASL_SSL needs a username and a password",
        ),
        (f"oauth: {{{CLIENT}}}", "broker.kafka.oauth: is set, but security_protocol is"),
        (
            f"security_protocol: SASL_SSL, username: u, password: s, oauth: {{{CLIENT}}}",
            "broker.kafka.oauth: is set, but sasl_mechanism is 'PLAIN'; write OAUTHBEARER",
        ),
        (
            f"{TOKENS}, oauth: {{token_url: 'https://h/t', client_secret: s}}",
            "broker.kafka.oauth.client_id: is not set, but sasl_mechanism is 'OAUTHBEARER'",
        ),
        (
            f"{TOKENS}, oauth: {{client_id: i, client_secret: s}}",
            "broker.kafka.oauth.token_url: is not set",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}}}",
            "broker.kafka.oauth.client_secret: is not set; set it, or client_secret_file",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}, client_secret: s3cret, client_secret_file: f}}",
            "broker.kafka.oauth.client_secret: is set beside client_secret_file; keep one",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}, client_secret_file: missing}}",
            "broker.kafka.oauth.client_secret_file: missing cannot be read: No such file",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}, client_secret_file: empty}}",
            "broker.kafka.oauth.client_secret_file: empty is empty",
        ),
        (
            f"{TOKENS}, username: u, oauth: {{{CLIENT}, client_secret: s3cret}}",
            "broker.kafka.username: goes with PLAIN and SCRAM; with OAUTHBEARER remove it",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}, client_secret: s3cret, extensions: {{a-b: c}}}}",
            "'a-b', which is not a valid extension name",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}, client_secret: s3cret, extensions: {{auth: c}}}}",
            "'auth', which is where the token goes; remove it",
        ),
        (
            f"{TOKENS}, oauth: {{{CLIENT}, client_secret: s3cret, extensions: {{a: ''}}}}",
            "the value of 'a' is empty",
        ),
        (
            "key_file: key.pem",
            "broker.kafka.key_file: is set, but security_protocol is 'PLAINTEXT'",
        ),
        (
            "security_protocol: SSL, key_file: k.pem",
            "broker.kafka.key_file: goes with certificate_file, which is not set",
        ),
        (
            "security_protocol: SSL, certificate_file: c.pem",
            "broker.kafka.certificate_file: 'c.pem' is not a file",
        ),
    ],
)
def test_each_mistake_is_one_sentence(tmp_path, kafka, said):
    (tmp_path / "empty").write_text("\n")
    (problem,) = problems(tmp_path, kafka)
    assert said in problem
    assert "s3cret" not in problem


@pytest.mark.parametrize(
    ("key", "password", "said"),
    [
        ("encrypted", "wr0ng", "key_password is right"),
        ("encrypted", None, "key_password is right"),
        ("another", None, "key and certificate belong together"),
        ("mine", None, None),
        ("encrypted", "right", None),
    ],
)
def test_a_key_that_cannot_be_used_is_said_and_never_asked_for(
    tmp_path, authority, key, password, said
):
    mine, another = authority.issue("mine"), authority.issue("another")
    file = {"mine": mine.key, "another": another.key}.get(key) or authority.encrypted(
        mine.key, "right"
    )
    kafka = f"security_protocol: SSL, certificate_file: {mine.certificate}, key_file: {file}"
    found = problems(tmp_path, f"{kafka}, key_password: {password}" if password else kafka)
    if said is None:
        assert found == []
    else:
        (problem,) = found
        assert "broker.kafka.key_file" in problem
        assert said in problem
        assert "wr0ng" not in problem


def test_variables_of_the_system_before_are_enough(tmp_path):
    environ = {
        "KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "KAFKA_SASL_MECHANISM": "OAUTHBEARER",
        "KAFKA_OAUTH_CLIENT_ID": "claimx",
        "KAFKA_OAUTH_CLIENT_SECRET": "s3cret",
        "KAFKA_OAUTH_TOKEN_URL": "https://login.example/token",
        "KAFKA_OAUTH_SCOPE": "kafka/.default",
    }
    assert problems(tmp_path, "", environ) == []


@pytest.mark.parametrize("missing", ["client_id", "client_secret", "token_url"])
def test_what_waits_for_a_variable_is_a_warning_of_the_check(tmp_path, missing):
    given = {"client_id": "i", "client_secret": "s", "token_url": "https://h/t"}
    oauth = ", ".join(
        f"{name}: '${{MISSING}}'" if name == missing else f"{name}: '{value}'"
        for name, value in given.items()
    )
    assert problems(tmp_path, f"{TOKENS}, oauth: {{{oauth}}}") == []


def test_no_secret_is_shown(tmp_path):
    secrets = ("s3cret-1", "s3cret-2", "s3cret-3")
    kafka = (
        f"{TOKENS}, key_password: {secrets[0]}, password: {secrets[1]}, "
        f"oauth: {{{CLIENT}, client_secret: {secrets[2]}}}"
    )
    (tmp_path / "claimx.yaml").write_text(f"broker: {{url: 'kafka://h:1', kafka: {{{kafka}}}}}\n")
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    said = [*shown_settings(pipeline.loaded), pipeline.settings, *pipeline.check()]
    assert not [each for each in secrets if each in f"{said}"]
