import pytest

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loader import require
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT
from tests.rigs.settings_text import load_text, problems_of

VALUES = {
    "KAFKA_BOOTSTRAP_SERVERS": ("a:9092, b:9093", "kafka://a:9092,b:9093"),
    "KAFKA_SECURITY_PROTOCOL": ("SASL_SSL", "SASL_SSL"),
    "KAFKA_SASL_MECHANISM": ("OAUTHBEARER", "OAUTHBEARER"),
    "KAFKA_OAUTH_CLIENT_ID": ("claimx", "claimx"),
    "KAFKA_OAUTH_CLIENT_SECRET": ("hunter2", None),
    "KAFKA_OAUTH_TOKEN_URL": ("https://login.example/token", "https://login.example/token"),
    "KAFKA_OAUTH_SCOPE": ("kafka/.default", "kafka/.default"),
    "CLAIMX_API_URL": ("https://x", "https://x"),
    "CLAIMX_API_BASE_URL": ("https://y", "https://y"),
    "CLAIMX_API_TOKEN": ("hunter2", None),
    "CLAIMX_API_MAX_CONCURRENT": ("7", 7),
    "CLAIMX_API_TIMEOUT_SECONDS": ("2.5", 2.5),
    "ALLOWED_ATTACHMENT_DOMAINS": ("a.example, b.example:8443", ("a.example", "b.example:8443")),
    "ONELAKE_CLAIMX_PATH": ("abfss://x", "abfss://x"),
    "CLAIMX_CONSOLE_TOKEN": ("hunter2", None),
    "CLAIMX_DATA_DIR": ("/data", "/data"),
    "LOG_LEVEL": ("debug", "DEBUG"),
}


def at(settings, path):
    for name in path.split("."):
        settings = getattr(settings, name)
    return settings


@pytest.mark.incident("CFG-04")
@pytest.mark.parametrize("variable", CORE_ENVIRONMENT)
def test_each_variable_sets_its_setting_over_the_file(tmp_path, variable):
    text, expected = VALUES[variable]
    path = CORE_ENVIRONMENT[variable]
    section, *_, key = path.split(".")
    below = ".".join(path.split(".")[1:-1])
    file = {
        "broker": "broker: {url: sqlite:///x}",
        "tables": "tables: {root: /file}",
        "storage": "storage: {files: {root: /file}}",
        "logging": "logging: {level: ERROR}",
        "console": "console: {port: 1}",
        "claimx": f"claimx: {{api: {{{key}: {3 if key[-1] in 'ts' else 'x'}}}}}",
        "claimx.media": "claimx: {media: {allowed_hosts: [c.example]}}",
    }[section if below != "media" else "claimx.media"]
    assert below in {"", "api", "files", "media", "kafka", "kafka.oauth"}
    loaded = load_text(tmp_path, file, {variable: text})
    value = at(loaded.settings, path)
    assert (value.reveal() == text) if expected is None else (value == expected)
    assert loaded.origins[path] == f"environment {variable}"


@pytest.mark.incident("CFG-04")
def test_two_names_with_different_values_are_an_error_that_names_both(tmp_path):
    both = {"CLAIMX_API_URL": "https://a", "CLAIMX_API_BASE_URL": "https://b"}
    (problem,) = problems_of(tmp_path, "", both)
    assert "CLAIMX_API_URL and CLAIMX_API_BASE_URL" in problem
    assert "https" not in problem


def test_two_names_with_one_value_agree(tmp_path):
    both = {"CLAIMX_API_URL": "https://a", "CLAIMX_API_BASE_URL": "https://a"}
    assert load_text(tmp_path, "", both).settings.claimx.api.base_url == "https://a"


def test_an_empty_variable_leaves_the_word_to_its_other_name(tmp_path):
    both = {"CLAIMX_API_URL": "", "CLAIMX_API_BASE_URL": "https://a"}
    assert load_text(tmp_path, "", both).settings.claimx.api.base_url == "https://a"


@pytest.mark.incident("DEL-08")
def test_an_empty_variable_is_named_when_its_setting_is_used(tmp_path):
    loaded = load_text(tmp_path, "tables: {root: /file}", {"CLAIMX_DATA_DIR": ""})
    with pytest.raises(SettingsError, match=r"tables.root: CLAIMX_DATA_DIR is set but empty"):
        require(loaded, ["tables"])
    with pytest.raises(SettingsError, match="CLAIMX_DATA_DIR is set but empty"):
        str(loaded.settings.tables.root)


@pytest.mark.parametrize("value", ["host", "host:", ":9092", "a:1,,b:2", "kafka://a:1", "u:p@h:1"])
def test_kafka_servers_are_host_and_port(tmp_path, value):
    (problem,) = problems_of(tmp_path, "", {"KAFKA_BOOTSTRAP_SERVERS": value})
    assert problem == "environment KAFKA_BOOTSTRAP_SERVERS: must be host:port[,host:port]"


@pytest.mark.incident("DEL-08")
@pytest.mark.parametrize("variable", CORE_ENVIRONMENT)
def test_a_variable_that_was_not_filled_in_itself_is_refused(tmp_path, variable):
    (problem,) = problems_of(tmp_path, "", {variable: "${SOMETHING}"})
    assert variable in problem


def test_a_variable_of_ours_that_nothing_reads_is_a_warning(tmp_path):
    environ = {"CLAIMX_API_CONCURRENT": "9", "CLAIMX_MY_TOKEN": "x", "HOME": "/root"}
    loaded = load_text(tmp_path, "claimx: {api: {token: '${CLAIMX_MY_TOKEN}'}}", environ)
    assert [str(warning) for warning in loaded.warnings] == [
        (
            "environment CLAIMX_API_CONCURRENT: no setting reads this variable; "
            "did you mean CLAIMX_API_MAX_CONCURRENT?"
        )
    ]


@pytest.mark.parametrize(
    ("overrides", "problem"),
    [
        (
            {"broker.urll": "x"},
            "command line: broker.urll: unknown key 'urll'; did you mean 'url'?",
        ),
        ({"broker..url": "x"}, "command line: broker..url: cannot be set"),
        ({"broker.url.x": "x"}, "'url' is not a block of settings in claimx.yaml:1"),
        (
            {"broker.replication": "two"},
            "command line: broker.replication: expected a whole number",
        ),
    ],
)
def test_a_mistake_on_the_command_line_is_named(tmp_path, overrides, problem):
    (found,) = problems_of(tmp_path, "broker: {url: 'sqlite:///x'}", overrides=overrides)
    assert problem in found


def test_the_command_line_is_taken_as_it_is(tmp_path):
    loaded = load_text(tmp_path, "", {}, overrides={"tables.root": "/a$$b/$HOME"})
    assert loaded.settings.tables.root == "/a$$b/$HOME"


@pytest.mark.parametrize("written", ["a.example,b.example", " a.example , b.example, "])
def test_a_list_from_outside_is_written_with_commas(tmp_path, written):
    given = {"ALLOWED_ATTACHMENT_DOMAINS": written, "HOSTS": written}
    hosts = ("a.example", "b.example")
    assert load_text(tmp_path, "", given).settings.claimx.media.allowed_hosts == hosts
    media = load_text(tmp_path, "media: {development_hosts: '${HOSTS}'}", given).settings.media
    assert media.development_hosts == hosts


@pytest.mark.parametrize("host", ["https://a.example", "a.example/x", "user@a.example", "a b"])
def test_what_is_not_a_host_is_refused(tmp_path, host):
    (problem,) = problems_of(tmp_path, "", {"ALLOWED_ATTACHMENT_DOMAINS": host})
    assert "which is not a valid host; write host or host:port, without https://" in problem
