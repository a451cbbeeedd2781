import os
import traceback
from collections.abc import Mapping
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import attrs
import pytest
import yaml
from attrs import field, frozen
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.kinds import (
    KIND,
    http_url,
    optional_http_url,
    proxy_url,
    service_url,
)
from claimx_pipeline.settings.loader import (
    load_settings,
    plugins_settings,
    read_sources,
    require,
)
from claimx_pipeline.settings.loading.leaves import leaves
from claimx_pipeline.settings.loading.objects import shape
from claimx_pipeline.settings.loading.paths import format_path
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.show import shown_settings
from claimx_pipeline.settings.tree.plugins import PluginSettings
from claimx_pipeline.settings.tree.settings import Settings, SettingsSection
from claimx_pipeline.settings.tree.validators import INLINE
from claimx_pipeline.settings.tree.workers import WorkerSettings
from tests.rigs.settings_text import load_text, problems_of


@frozen(kw_only=True)
class Cabinet:
    task_id: int = 32513
    token: Secret | None = None
    hosts: tuple[str, ...] = ()


CABINET = SettingsSection(
    name="cabinet",
    kind=Cabinet,
    environment={
        "CABINET_URL": "connections.cabinet_api.base_url",
        "CABINET_TASK": "cabinet.task_id",
    },
    defaults="connections:\n  cabinet_api:\n    base_url: ${CABINET_HOST}\n    auth_type: bearer\n",
)


ADDRESSES = {
    http_url: "https://another.example.com/path",
    service_url: "https://another.example.com/path",
    proxy_url: "http://proxy.example.com:3128",
    optional_http_url: "https://another.example.com/path",
}


def other(kind: Any, default: Any, text: Any = None) -> Any:
    """Return a YAML value for *kind* that is not *default*; *text* judges what kind of text."""
    if text in ADDRESSES:
        return ADDRESSES[text]
    if get_origin(kind) in (Union, UnionType):
        kind = next(member for member in get_args(kind) if member is not NoneType)
    if get_origin(kind) is Literal:
        return next(choice for choice in get_args(kind) if choice != default)
    if kind is str and "{" in (default or ""):
        return f"another/{default}"
    if kind in (str, Secret, bool):
        return not default if kind is bool else "another"
    if kind in (int, float):
        more = 1 if kind is int else 0.5
        # What is 1.0 may be a share.
        more = -0.5 if kind is float and default == 1.0 else more
        return (default if isinstance(default, (int, float)) else 3) + more
    if get_origin(kind) is tuple:
        return [other(get_args(kind)[0], None)]
    if get_origin(kind) is not None and issubclass(get_origin(kind), Mapping):
        return {"one": other(get_args(kind)[1], None)}
    if kind is Any:
        return {"deep": [1, "two"]}
    return changed(kind)


def changed(kind: type[Any]) -> dict[str, Any]:
    """Return YAML in which every setting of *kind* has another value than its default."""
    plain, inline = shape(kind)
    made = {
        key: other(
            each.type,
            None if each.default is attrs.NOTHING else each.default,
            each.metadata.get(KIND),
        )
        for key, each in plain.items()
    }
    if inline is not None and inline.metadata[INLINE] == "any":
        made["named"] = other(get_args(inline.type)[1], None)
    return made


def as_written(value: Any) -> Any:
    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, Mapping):
        return {key: as_written(each) for key, each in value.items()}
    if isinstance(value, tuple):
        return [as_written(each) for each in value]
    if attrs.has(type(value)):
        plain, inline = shape(type(value))
        made = {key: as_written(getattr(value, each.name)) for key, each in plain.items()}
        return made | (as_written(getattr(value, inline.name)) if inline else {})
    return value


@pytest.mark.incident("CFG-02")
@pytest.mark.incident("CFG-04")
def test_every_setting_can_be_set_in_the_file_and_arrives(tmp_path):
    written = changed(Settings)
    loaded = load_text(tmp_path, yaml.safe_dump(written))
    assert as_written(loaded.settings) == written
    defaults = {leaf.path: leaf.value for leaf in leaves(Settings())}
    for leaf in leaves(loaded.settings):
        assert loaded.origins[format_path(leaf.path)] != "default"
        assert leaf.value != defaults.get(leaf.path, object())


@pytest.mark.incident("CFG-04")
def test_every_setting_can_be_filled_from_the_environment(tmp_path):
    """The same as text: each leaf is ``${Vn}`` and takes the type of its setting."""
    environ: dict[str, str] = {}

    def out_source(value):
        if isinstance(value, dict):
            return {key: out_source(each) for key, each in value.items()}
        if isinstance(value, list):
            return value
        name = f"V{len(environ)}"
        environ[name] = str(value).lower() if isinstance(value, bool) else str(value)
        return f"${{{name}}}"

    written = changed(Settings)
    loaded = load_text(tmp_path, yaml.safe_dump(out_source(written)), environ)
    assert as_written(loaded.settings) == written


def test_without_anything_the_defaults_hold(tmp_path):
    sources = read_sources(None, environ={}, overrides={}, cwd=tmp_path)
    loaded = load_settings(sources)
    assert loaded.settings == Settings()
    assert set(loaded.origins.values()) == {"default"}


def test_a_later_source_wins(tmp_path):
    section = attrs.evolve(
        CABINET, defaults=CABINET.defaults + "cabinet: {task_id: 2}\nlogging: {level: ERROR}\n"
    )
    steps: list[tuple[str, dict[str, str], dict[str, str], int, str]] = [
        ("", {}, {}, 2, "plugin cabinet"),
        ("cabinet:\n  task_id: 3", {}, {}, 3, "claimx.yaml:2"),
        ("cabinet:\n  task_id: 3", {"CABINET_TASK": "4"}, {}, 4, "environment CABINET_TASK"),
        (
            "cabinet:\n  task_id: 3",
            {"CABINET_TASK": "4"},
            {"cabinet.task_id": "5"},
            5,
            "command line",
        ),
    ]
    for text, environ, overrides, value, origin in steps:
        loaded = load_text(tmp_path, text, environ, overrides=overrides, sections=[section])
        assert loaded.settings.section("cabinet", Cabinet).task_id == value
        assert loaded.origins["cabinet.task_id"] == origin
        assert loaded.settings.logging.level == "ERROR"


def test_a_file_changes_single_keys_of_what_a_plugin_brings_along(tmp_path):
    text = "connections:\n  cabinet_api:\n    base_url: https://x\n"
    loaded = load_text(tmp_path, text, sections=[CABINET])
    connection = loaded.settings.connections["cabinet_api"]
    assert (connection.base_url, connection.auth_type) == ("https://x", "bearer")
    assert loaded.origins["connections.cabinet_api.auth_type"] == "plugin cabinet"


@pytest.mark.incident("CFG-01")
def test_only_what_is_used_must_resolve(tmp_path):
    loaded = load_text(tmp_path, "tables:\n  root: ${LAKE}/tables\n", sections=[CABINET])
    assert [(each.path, each.variables, each.where) for each in loaded.unresolved] == [
        (
            "connections.cabinet_api.base_url",
            ("CABINET_HOST",),
            "plugin cabinet, line 3 of its default settings",
        ),
        ("tables.root", ("LAKE",), "claimx.yaml:2"),
    ]
    require(loaded, ["broker", "storage", "claimx.api"])
    with pytest.raises(SettingsError) as caught:
        require(loaded, ["tables.root"])
    assert str(caught.value) == (
        "claimx.yaml:2: tables.root: LAKE is not set; "
        "set it, or give the setting a value in the file"
    )
    for path in [
        "tables",
        "connections",
        "connections.cabinet_api",
        "connections.cabinet_api.base_url",
    ]:
        with pytest.raises(SettingsError, match="is not set"):
            require(loaded, [path])


@pytest.mark.incident("CFG-01")
def test_a_section_that_waits_as_a_whole_is_required_by_its_parts(tmp_path):
    loaded = load_text(tmp_path, "tables: ${TABLES}")
    with pytest.raises(SettingsError, match=r"claimx\.yaml:1: tables: TABLES is not set"):
        require(loaded, ["tables.root"])
    with pytest.raises(SettingsError, match="TABLES is not set"):
        _ = loaded.settings.tables.root


@pytest.mark.incident("DEL-08")
@pytest.mark.parametrize("written", ["${NOPE}", "${NOPE}/x", "${EMPTY}", "a${EMPTY}"])
@pytest.mark.parametrize("key", ["tables: {root: '%s'}", "storage: {files: {root: '%s'}}"])
def test_a_location_that_is_not_known_never_becomes_a_folder(tmp_path, monkeypatch, written, key):
    monkeypatch.chdir(tmp_path)
    settings = load_text(tmp_path, key % written, {"EMPTY": ""}).settings
    before = sorted(tmp_path.iterdir())
    root = settings.tables.root if "tables" in key else settings.storage.files.root
    for use in (os.makedirs, str, lambda root: f"{root}/claimx_events"):
        with pytest.raises(SettingsError, match=r"NOPE is not set|EMPTY is set but empty"):
            use(root)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.incident("DEL-08")
@pytest.mark.parametrize(
    "text",
    [
        "tables: {root: ''}",
        "tables: {root: ' '}",
        "tables: {root: '${NOPE:-}'}",
        "tables: {root: null}",
        "tables: {root:}",
        "tables: {paths: {claimx_events: ''}}",
        "storage: {files: {root: ''}}",
        "broker: {url: ''}",
        "claimx: {api: {base_url: ''}}",
        "connections: {x: {base_url: ''}}",
    ],
)
def test_an_empty_location_is_a_mistake_with_a_name(tmp_path, text):
    (problem,) = problems_of(tmp_path, text)
    assert problem.startswith("claimx.yaml:1: ")
    assert "must not be empty" in problem or "expected text, got nothing" in problem


def strings(value: Any):
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from strings(key)
            yield from strings(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from strings(each)
    elif isinstance(value, Secret):
        yield value.reveal()
    elif attrs.has(type(value)):
        for attribute in attrs.fields(type(value)):
            yield from strings(getattr(value, attribute.name))


pieces = st.lists(
    st.sampled_from(["a", "$", "$$", "${", "}", "${A}", "${NOPE}", "${B:-", ":-", "${RAW}", " "]),
    max_size=6,
).map("".join)


@pytest.mark.incident("CFG-01")
@given(pieces, pieces, pieces)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
def test_no_text_with_a_variable_in_it_is_left_anywhere(tmp_path, one, two, three):
    text = yaml.safe_dump(
        {
            "broker": {"prefix": one, "groups": {"g": two}},
            "plugins": {"x": {"config": {"a": [one, {"b": three}]}}},
            "connections": {"c": {"base_url": "http://x", "headers": {"h": three}}},
        }
    )
    environ = {"A": "1", "RAW": "${A}"}
    try:
        loaded = load_text(tmp_path, text, environ)
    except SettingsError:
        return  # refused, which leaves nothing either
    assert not [found for found in strings(loaded.settings) if "${" in found]


CANARY = "c4n4ry-7f3a"


@pytest.mark.incident("SEC-01")
@pytest.mark.parametrize(
    "text",
    [
        "claimx: {api: {token: %s}}",
        "claimx: {api: {token: '%s '}}",
        "claimx: {api: {token: [%s]}}",
        "claimx: {api: {token: {%s: 1}}}",
        "claimx: {api: {token: '${TOKEN}'}}",
        "claimx: {api: {max_concurrent: '${TOKEN}'}}",
        "claimx: {api: {auth: '${TOKEN}'}}",
        "claimx: {api: {base_url: 'https://user:%s@host'}}",
        "broker: {url: 'kafka://user:%s@host', kafka: {password: %s}}",
        "connections: {c: {base_url: 'http://x', headers: {Authorization: 'Bearer ${TOKEN}'}}}",
        "connections: {c: {base_url: 'http://x', headers: {X: '${TOKEN}'}, auth_token: %s}}",
        "tables: {storage_options: {key: '${TOKEN}'}}",
        "plugins: {p: {config: {api: {token: %s}, list: ['${TOKEN}'], n: {password: %s}}}}",
        "cabinet: {token: '${TOKEN}', task_id: '${TOKEN}'}",
        "claimx: {api: {token: *%s}}",
        "claimx: {api: {token: !%s x}}",
        "claimx: {api: {token: '%s}}",
        "claimx: {api: {token: ${%s}}}",
        "claimx: {api: {token: '${%s'}}",
        "claimx:\n  api:\n    token: %s: %s",
    ],
)
def test_a_secret_is_in_no_output_repr_or_error(tmp_path, text):
    environ = {"TOKEN": CANARY, "CLAIMX_API_TOKEN": CANARY}
    for given_environ in (environ, {"TOKEN": CANARY}):
        try:
            loaded = load_text(
                tmp_path, text.replace("%s", CANARY), given_environ, sections=[CABINET]
            )
        except SettingsError as error:
            said = "".join(traceback.format_exception(error)) + repr(error) + str(error)
            said += repr(error.__context__)
        else:
            said = repr(loaded) + str(loaded.settings) + repr(shown_settings(loaded))
            said += repr(loaded.warnings) + repr(loaded.unresolved)
        assert CANARY not in said


def test_every_problem_of_every_part_is_reported_at_once(tmp_path):
    text = (
        "broker:\n  urll: x\n  replication: 0\n  replication: 2\n"
        "tables:\n  root: 5\n"
        "claimx: {api: {timeout_seconds: '${', max_retries: 99}}\n"
    )
    section = attrs.evolve(CABINET, defaults="cabinet:\n  task_id: x\n")
    found = problems_of(
        tmp_path,
        text,
        {"KAFKA_BOOTSTRAP_SERVERS": "x"},
        overrides={"a..b": "1", "logging.level": "loud"},
        sections=[section],
    )
    starts = [
        "claimx.yaml:4: broker: duplicate key 'replication'",
        "claimx.yaml:7: claimx.api.timeout_seconds: a '${' that is not understood",
        "environment KAFKA_BOOTSTRAP_SERVERS: must be host:port",
        "command line: a..b: cannot be set",
        "plugin cabinet, line 2 of its default settings: cabinet.task_id: expected a whole number",
        "claimx.yaml:2: broker.urll: unknown key",
        "claimx.yaml:3: broker.replication: must be >= 1, got 0",
        "claimx.yaml:6: tables.root: expected text",
        "claimx.yaml:7: claimx.api.max_retries: must be <= 10, got 99",
        "command line: logging.level: expected one of DEBUG, INFO, WARNING, ERROR",
    ]
    for start in starts:
        assert len([problem for problem in found if problem.startswith(start)]) == 1, start
    assert len(found) == len(starts)


def test_the_settings_of_plugins_stand_beside_the_folder(tmp_path):
    text = "plugins:\n  dir: my/plugins\n  itel:\n    enabled: false\n    config: {a: 1}\n"
    plugins = load_text(tmp_path, text).settings.plugins
    assert plugins.dir == "my/plugins"
    assert plugins.named == {"itel": PluginSettings(enabled=False, config={"a": 1})}


def test_the_plugins_section_is_known_before_the_plugins_are(tmp_path):
    text = "cabinet: {x: 1}\nplugins: {dir: '', itel: {enabled: '${ON:-no}'}}"
    (tmp_path / "claimx.yaml").write_text(text)
    sources = read_sources(None, environ={}, overrides={"plugins.dir": "here"}, cwd=tmp_path)
    plugins = plugins_settings(sources)
    assert (plugins.dir, plugins.of("itel").enabled) == ("here", False)


def test_a_wrong_plugins_section_is_reported_with_the_rest(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        "cabinet: {x: 1}\nplugins: {itel: {enabled: 'NO'}}\ntables: {rot: x}"
    )
    with pytest.raises(SettingsError) as caught:
        plugins_settings(read_sources(None, environ={}, overrides={}, cwd=tmp_path))
    assert [str(problem).split(": ")[1] for problem in caught.value.problems] == [
        "plugins.itel.enabled",
        "tables.rot",
    ]


@pytest.mark.parametrize(
    ("sections", "what"),
    [
        ([attrs.evolve(CABINET, name="broker")], "is a section of the core"),
        ([CABINET, CABINET], "two plugins register a settings section 'cabinet'"),
        ([SettingsSection(name="x", kind=dict)], "is not an attrs class"),
        ([attrs.evolve(CABINET, defaults="a: [")], "is not valid YAML"),
    ],
)
def test_a_section_that_cannot_be_is_refused(tmp_path, sections, what):
    assert [problem for problem in problems_of(tmp_path, "", sections=sections) if what in problem]


def test_a_section_whose_class_lacks_a_default_says_so(tmp_path):
    @frozen(kw_only=True)
    class Needs:
        url: str
        also: str = field(default="x")

    (problem,) = problems_of(tmp_path, "", sections=[SettingsSection(name="needs", kind=Needs)])
    assert problem == "needs.url: is missing; give it a value"


def test_headings_with_nothing_beneath_them_are_empty_sections(tmp_path):
    text = "broker:\n  kafka:\n  topics:\nworkers:\n  enrichment:\nplugins:\n"
    settings = load_text(tmp_path, text, {"KAFKA_BOOTSTRAP_SERVERS": "a:1"}).settings
    assert settings.workers == {"enrichment": WorkerSettings()}
    assert settings.broker.url == "kafka://a:1"


def test_a_key_with_dots_can_be_set_on_the_command_line(tmp_path):
    path = 'broker.topics."claimx.events.raw".partitions'
    loaded = load_text(tmp_path, "", overrides={path: "12"})
    assert loaded.settings.broker.topics["claimx.events.raw"].partitions == 12
    assert loaded.origins[path] == "command line"
