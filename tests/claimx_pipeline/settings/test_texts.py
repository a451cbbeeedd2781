"""Texts from outside: what came along when they were copied is refused, never charged to records."""

import contextlib

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from yarl import URL

from claimx_pipeline import Pipeline
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loader import LoadedSettings, load_settings
from claimx_pipeline.settings.loading.nodes import Block, ValueOrigin, from_value
from claimx_pipeline.settings.loading.sources import SettingsSources
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT
from tests.rigs.command import run

URLS = {"claimx.api.base_url", "connections.x.base_url", "connections.x.oauth2.token_url"}
TEXTS = {
    "CLAIMX_API_URL": "http://h.example.com:8080/api",
    "CLAIMX_API_TOKEN": "dG9rZW4=",
    "KAFKA_BOOTSTRAP_SERVERS": "kafka:9092",
    "CLAIMX_DATA_DIR": "./lake",
    "ONELAKE_CLAIMX_PATH": "./files",
    "ALLOWED_ATTACHMENT_DOMAINS": "www.example.com",
}
FLAWS = ("%s\n", "%s\r\n", " %s", "%s ", "\t%s", '"%s"', "'%s'", "\ufeff%s", "%s\u200b", "\u00a0%s")
READ = {"KAFKA_BOOTSTRAP_SERVERS": "broker.url"}
"""Blanks round these are read over."""


def loaded(environ=None, values=None, overrides=None) -> LoadedSettings:
    root = from_value(values or {}, ValueOrigin.named("claimx.yaml:1"))
    assert isinstance(root, Block)
    sources = SettingsSources(root=root, environ=environ or {}, overrides=overrides or {})
    return load_settings(sources)


def outcome(environ=None, values=None) -> tuple[LoadedSettings | None, str]:
    """Return the settings, or what is wrong with them."""
    try:
        return loaded(environ, values), ""
    except SettingsError as error:
        return None, str(error)


def value_of(found: LoadedSettings, path: str):
    value = found.settings
    for key in path.split("."):
        value = value[key] if isinstance(value, dict) else getattr(value, key)
    return value


@pytest.mark.incident("STR-50")
@pytest.mark.parametrize("flaw", FLAWS)
@pytest.mark.parametrize("variable", TEXTS)
def test_what_came_along_is_refused_or_read_over(variable, flaw):
    text = flaw % TEXTS[variable]
    found, said = outcome({variable: text})
    if found is None:
        assert variable in said
        assert text not in said
    else:
        assert found.settings == loaded({variable: TEXTS[variable]}).settings


FLAWED = {
    "claimx.api.token_file": "token\n",
    "claimx.api.probe": "/a b",
    "broker.prefix": " acme.",
    "broker.kafka.username": "'me'",
    "broker.kafka.ca_file": "ca.pem\r",
    "tables.paths.claimx_events": "lake\n",
    "storage.cache.root": "s3:/bucket/x",
    "storage.options.key": "secret ",
    "media.work_dir": "\u200bwork",
    "workers.events.consumer_group": "group\n",
    "workers.x.input_topic": '"t.in"',
    "connections.x.base_url": "127.0.0.1:8766",
    "connections.x.auth_header": "X Key",
    "connections.x.auth_token": "to\nken",
    "connections.x.headers": {"Good": "bad\r\nInjected: yes"},
    "connections.x.oauth2.token_url": "http://h/\u2028",
    "plugins.dir": "plugins\n",
    "health.host": "0.0.0.0 ",
    "broker.topics": {"claimx.events.raw\n": {"partitions": 3}},
    "plugins": {"itel_cabinet_trigger ": {"enabled": False}},
}


@pytest.mark.incident("STR-50")
@pytest.mark.parametrize("path", FLAWED)
@pytest.mark.parametrize("source", ["file", "variable", "command line"])
def test_every_kind_of_text_is_looked_at(path, source):
    text = FLAWED[path]
    if source != "file" and not isinstance(text, str):
        pytest.skip("only a file holds more than a text")
    values, environ, overrides = nested(path, text), {}, {}
    if source == "variable":
        values, environ = nested(path, "${COPIED}"), {"COPIED": text}
    if source == "command line":
        values, overrides = {}, {path: text}
    with pytest.raises(SettingsError) as raised:
        loaded(environ, values, overrides)
    shown = [str(problem) for problem in raised.value.problems]
    assert any(path.rpartition(".")[0] in each for each in shown)
    assert all("\n" not in each and "\r" not in each for each in shown)


def nested(path, value):
    *above, last = path.split(".")
    block = {last: value}
    for key in reversed(above):
        block = {key: block}
    if path.startswith("connections.x") and "oauth2" not in path and "base_url" not in path:
        block["connections"]["x"]["base_url"] = "http://h.example.com"
    if "oauth2" in path:
        block["connections"]["x"] |= {"base_url": "http://h.example.com"}
        block["connections"]["x"]["oauth2"] |= {"client_id": "i", "client_secret": "s"}
    return block


ANY = st.text(st.characters(exclude_characters="\0"), max_size=30) | st.builds(
    lambda before, inside, after: f"{before}{inside}{after}",
    st.sampled_from(["", " ", '"', "\ufeff", "\n", "http://", "https://user@", "http://["]),
    st.text(max_size=15),
    st.sampled_from(["", "\n", " ", '"', "/", ":80", ":99999", "]", "%", "?a=b", "#x"]),
)
"""Any text, and any text with what looks like the right thing round it."""


@pytest.mark.incident("STR-50")
@settings(max_examples=150)
@given(st.sampled_from(sorted(CORE_ENVIRONMENT)), ANY)
def test_any_text_in_a_variable_is_refused_in_a_sentence_or_usable(variable, text):
    found, said = outcome({variable: text})
    assert (found is None) == bool(said)
    if found is not None and not found.unresolved:
        usable(CORE_ENVIRONMENT[variable], value_of(found, CORE_ENVIRONMENT[variable]))


PATHS = sorted(each for each, text in FLAWED.items() if isinstance(text, str))


@pytest.mark.incident("STR-50")
@settings(max_examples=200)
@given(st.sampled_from(PATHS), ANY)
def test_any_text_in_a_file_is_refused_in_a_sentence_or_usable(path, text):
    found, said = outcome(values=nested(path, text))
    assert (found is None) == bool(said)
    if found is not None and not found.unresolved:
        usable(path, value_of(found, path))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("blank", [" ", "   ", "\u00a0", "\u3000"])
def test_blanks_alone_are_refused_or_as_if_nothing_were_given(path, blank):
    found, said = outcome(values=nested(path, blank))
    assert (found is None) == bool(said)
    if found is not None:
        usable(path, value_of(found, path))


def usable(path, value):
    """See that a start could not charge *value* to the records."""
    if path in URLS:
        url = URL(f"{value.rstrip('/')}/export/project/1?a=b")
        assert url.host
        assert url.path.endswith("/export/project/1") or "?" in value
        assert url.host.encode("idna")
    for each in [value] if isinstance(value, str) else []:
        assert each.isprintable()
        assert each == each.strip()
        each.encode("utf-8")
    if hasattr(value, "reveal"):
        secret = value.reveal()
        assert secret == secret.strip()
        secret.encode("utf-8")
        assert "\r" not in secret or path == "storage.options.key"


@settings(max_examples=100)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | ANY,
        lambda below: st.lists(below, max_size=2) | st.dictionaries(ANY, below, max_size=2),
        max_leaves=4,
    ),
    st.sampled_from(["broker", "claimx", "tables", "workers", "connections", "plugins", "retry"]),
)
def test_whatever_a_section_holds_is_a_sentence(tmp_path_factory, value, section):
    folder = tmp_path_factory.getbasetemp() / "sections"
    folder.mkdir(exist_ok=True)
    folder.joinpath("claimx.yaml").write_text(yaml.safe_dump({section: value}), "utf-8")
    with contextlib.suppress(SettingsError):
        Pipeline.load(environ={}, cwd=folder).check()


@pytest.mark.incident("STR-50")
@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CLAIMX_API_URL", "http://h\n"),
        ("CLAIMX_API_URL", "127.0.0.1:8766"),
        ("CLAIMX_DATA_DIR", "lake\n"),
        ("CLAIMX_DATA_DIR", "s3:/bucket/x"),
    ],
)
def test_the_check_and_the_start_say_the_same(tmp_path, variable, text):
    environ = {variable: text, "CLAIMX_API_TOKEN": "x"}
    checked = run("config", "check", cwd=tmp_path, env=environ)
    started = run("worker", "events", "--until-idle", cwd=tmp_path, env=environ)
    assert (checked.returncode, started.returncode) == (2, 2)
    (problem,) = [line for line in checked.stdout.splitlines() if line.startswith("problem: ")]
    assert variable in problem
    assert problem.removeprefix("problem: ") in started.stderr
    assert list(tmp_path.iterdir()) == []


def test_texts_of_plugins_and_stages_may_be_long_and_quoted(tmp_path):
    text = (
        "workers:\n  copies:\n    input_topic: t.in\n    enrichment_handlers:\n"
        "      - type: validation\n"
        "        config: {required_fields: [a], field_rules: {a: {matches: '\"[a-z]+\"'}}}\n"
        '      - {type: transform, config: {mappings: {a: a}, defaults: {note: "one\\ntwo\\n"}}}\n'
        "connections: {x: {base_url: 'http://h', headers: {If-Match: '\"v1\"'}}}\n"
    )
    tmp_path.joinpath("claimx.yaml").write_text(text)
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    assert pipeline.check() == []


@pytest.mark.parametrize("url", ["kafka://h h:9092", "kafka://", "sqlite://x", "rabbit://h"])
def test_a_broker_that_cannot_be_is_found_by_the_check(tmp_path, url):
    tmp_path.joinpath("claimx.yaml").write_text(yaml.safe_dump({"broker": {"url": url}}))
    (problem,) = Pipeline.load(environ={}, cwd=tmp_path).check()
    assert "broker.url" in str(problem)
