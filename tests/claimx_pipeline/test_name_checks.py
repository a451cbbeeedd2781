"""Names in settings: none means two things on the broker, none is a misspelling."""

import json
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from claimx_pipeline import Pipeline, SettingsError
from claimx_pipeline.operations import (
    create_all,
    publish,
    read_topic,
    rewind_offsets,
    run_until_idle,
)
from claimx_pipeline.operations.checking import to_start
from claimx_pipeline.plugins.host.loading import load_plugins
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from tests.rigs.command import run
from tests.rigs.plugin_folder import write_plugin

STAGES = [{"type": "transform", "config": {"mappings": {"who": "who"}}}]
FIFTH = [{"type": "validation", "config": {"required_fields": ["who"]}}, *STAGES]


def load(folder, settings, environ=None) -> Pipeline:
    folder.joinpath("claimx.yaml").write_text(yaml.safe_dump(settings))
    return Pipeline.load(environ=environ or {}, cwd=folder)


def problems(folder, settings) -> str:
    """Return what the check and a start say, which is the same."""
    pipeline = load(folder, settings)
    found = [str(problem) for problem in pipeline.check()]
    if found:
        with pytest.raises(SettingsError) as raised:
            to_start(pipeline, ["events"])
        assert all(each in str(raised.value) for each in found)
    return "\n".join(found)


def chain(topic, **more):
    return {"input_topic": topic, "enrichment_handlers": STAGES, **more}


WORKER_OF_A_PLUGIN = """
from claimx_pipeline import hookimpl

@hookimpl
def claimx_register_workers(self):
    from claimx_pipeline import WorkerSpec
    from claimx_pipeline.stages import Chain
    topic = Topic("mine.in", source=True)
    return [WorkerSpec(name="mine", summary="Mine.", group="{group}", reads=(topic,),
                       build=Chain.of())]
"""

IN_ONE_GROUP = {
    "of a plugin": ({"plugins": {"dir": "plugins"}}, "claimx-enrichment-worker"),
    "of the settings": (
        {
            "workers": {
                "copies": chain("claimx.entities.rows", consumer_group="claimx-enrichment-worker")
            }
        },
        "",
    ),
    "of the settings, moved": (
        {"workers": {"enrichment": {"consumer_group": "claimx-entity-writer"}}},
        "",
    ),
    "by broker.groups": (
        {"broker": {"groups": {"claimx-enrichment-worker": "claimx-upload-worker"}}},
        "",
    ),
    "by broker.groups, with a prefix": (
        {
            "broker": {
                "prefix": "acme.",
                "groups": {"claimx-enrichment-worker": "acme.claimx-upload-worker"},
            }
        },
        "",
    ),
    "of the retries": ({"workers": {"events": {"consumer_group": "claimx-retry-scheduler"}}}, ""),
}


@pytest.mark.incident("STR-41")
@pytest.mark.parametrize("case", IN_ONE_GROUP)
def test_two_workers_in_one_group_are_refused_and_both_named(tmp_path, case):
    settings, group = IN_ONE_GROUP[case]
    names = {
        "of a plugin": ("enrichment", "mine"),
        "of the settings": ("enrichment", "copies"),
        "of the settings, moved": ("enrichment", "entities"),
        "of the retries": ("events", "retry"),
    }.get(case, ("enrichment", "upload"))
    if group:
        write_plugin(tmp_path, "mine", WORKER_OF_A_PLUGIN.replace("{group}", group))
    said = problems(tmp_path, settings)
    assert f"workers {names[0]!r} and {names[1]!r} are in one consumer group" in said


@pytest.mark.incident("STR-41")
@pytest.mark.parametrize(
    ("old", "name"),
    [
        ("itel_cabinet_tracking_worker", "itel-tracking"),
        ("itel_cabinet_api_worker", "itel-api"),
        ("itel_tracking", "itel-tracking"),
        ("enrichment_worker", "enrichment"),
        ("enrichmnet", "enrichment"),
    ],
)
@pytest.mark.parametrize("whole", [False, True])
def test_an_old_or_misspelled_worker_is_pointed_to_its_name(tmp_path, old, name, whole):
    given = {"batch_size": 3}
    if whole:
        given = chain("itel.cabinet.task.tracking", consumer_group="some_group")
    said = problems(tmp_path, {"workers": {old: given}})
    assert f"workers.{old}: " in said
    assert repr(name) in said


def test_groups_that_differ_are_accepted(tmp_path):
    settings = {
        "broker": {"prefix": "acme.", "groups": {"claimx-upload-worker": "company-upload"}},
        "workers": {"copies": chain("claimx.entities.rows"), "copies2": chain("other.rows")},
    }
    assert problems(tmp_path, settings) == ""
    assert load(tmp_path, settings).warnings == ()


NEAR = {
    "plugin": ({"plugins": {"itel_cabinet_triger": {"enabled": False}}}, "itel_cabinet_trigger"),
    "topic": ({"broker": {"topics": {"claimx.event.raw": {"partitions": 3}}}}, "claimx.events.raw"),
    "retry topic": (
        {"broker": {"topics": {"claimx.enrichment.rerty.5m": {"partitions": 3}}}},
        "claimx.enrichment.retry.5m",
    ),
    "group": ({"broker": {"groups": {"claimx_upload_worker": "x"}}}, "claimx-upload-worker"),
    "family": (
        {"retry": {"families": {"claimx.download": {"delays_seconds": [1]}}}},
        "claimx.downloads",
    ),
    "table": ({"tables": {"paths": {"claimx_event": "x"}}}, "claimx_events"),
    "connection": (
        {"connections": {"itel_cabinet_apis": {"base_url": "http://127.0.0.1"}}},
        "itel_cabinet_api",
    ),
    "stage": ({"workers": {"itel-tracking": {"stages": {"lokup": {}}}}}, "lookup"),
}


@pytest.mark.incident("STR-45")
@pytest.mark.parametrize("case", NEAR)
def test_a_misspelled_key_is_an_error_with_the_nearest_name(tmp_path, case):
    settings, name = NEAR[case]
    assert f"did you mean {name!r}?" in problems(tmp_path, settings)


FAR = {
    "plugin": {"plugins": {"weather": {"enabled": False}}},
    "topic": {"broker": {"topics": {"weather.raw": {"partitions": 3}}}},
    "topic of another tier": {"broker": {"topics": {"claimx.events.retry.7m": {"partitions": 1}}}},
    "group": {"broker": {"groups": {"weather": "x"}}},
    "family": {"retry": {"families": {"weather": {"delays_seconds": [1]}}}},
    "table": {"tables": {"paths": {"weather": "x"}}},
    "connection": {"connections": {"weather": {"base_url": "http://127.0.0.1"}}},
}


@pytest.mark.incident("STR-45")
@pytest.mark.parametrize("case", FAR)
def test_a_key_that_is_the_name_of_nothing_is_a_warning(tmp_path, case):
    pipeline = load(tmp_path, FAR[case])
    assert pipeline.check() == []
    (warning,) = pipeline.warnings
    assert warning.where.startswith("claimx.yaml:")
    assert "has no effect" in warning.what


@pytest.mark.incident("STR-45")
@pytest.mark.parametrize("name", ["weather", "itel_cabinet_triger"])
def test_a_plugin_that_may_be_missing_may_have_settings(tmp_path, name):
    pipeline = load(tmp_path, {"plugins": {name: {"required": False}}})
    assert (pipeline.check(), pipeline.warnings) == ([], ())


@pytest.mark.incident("STR-45")
def test_the_check_prints_both(tmp_path):
    text = "plugins:\n  itel_cabinet_triger: {enabled: false}\n  weather: {priority: 3}\n"
    tmp_path.joinpath("claimx.yaml").write_text(text)
    done = run("config", "check", cwd=tmp_path)
    assert done.returncode == 2
    assert "did you mean 'itel_cabinet_trigger'?" in done.stdout
    assert "warning: claimx.yaml:3: plugins.weather: no plugin 'weather'" in done.stdout


@pytest.mark.incident("STR-45")
@pytest.mark.parametrize("left", [(), ("INSTALLER", "RECORD"), ("entry_points.txt",)])
def test_a_plugin_is_found_beside_what_an_installation_left(tmp_path, monkeypatch, left):
    point = "[claimx_pipeline]\nweather = weather_plugin\n"
    for version, files in (("0.1", left), ("0.2", ("METADATA", "entry_points.txt"))):
        folder = tmp_path / f"weather_plugin-{version}.dist-info"
        folder.mkdir()
        for name in files:
            text = f"Name: weather-plugin\nVersion: {version}\n" if name == "METADATA" else ""
            folder.joinpath(name).write_text(point if name == "entry_points.txt" else text)
    tmp_path.joinpath("weather_plugin.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    # In the order in which the folder could be read.
    listed = sorted(each.name for each in tmp_path.iterdir())
    monkeypatch.setattr(metadata.FastPath, "children", _children(tmp_path, listed))
    plugins = load_plugins(PluginsSettings(), core=_core(), directory=None)
    assert plugins.infos["weather"].state == "loaded"
    assert plugins.infos["weather"].version == "0.2"


def _core():
    from claimx_pipeline import builtin

    return builtin


def _children(folder, listed):
    real = metadata.FastPath.children

    def children(self):
        return listed if Path(self.root) == folder else real(self)

    return children


@pytest.mark.incident("STR-53")
@pytest.mark.parametrize("prefix", ["", "acme.", "claimx."])
@pytest.mark.parametrize("renamed", [False, True])
async def test_every_name_is_mapped_once(tmp_path, prefix, renamed):
    names = {"in": "t.in", "passed": "t.passed", "failed": "t.failed"}
    topics = {name: {"name": f"{prefix}company.{name}"} for name in names.values()}
    settings = {
        "broker": {
            "prefix": prefix,
            "topics": topics if renamed else {},
            "groups": {"copiers": f"{prefix}company.copiers"} if renamed else {},
        },
        "retry": {"delays_seconds": [0.05]},
        "workers": {
            "copies": {
                **chain("t.in", consumer_group="copiers", success_topic="t.passed"),
                "error_topic": "t.failed",
                "enrichment_handlers": FIFTH,
            },
            # Reads what the first one writes.
            "seconds": chain("t.passed", success_topic="t.twice"),
        },
    }
    pipeline = load(tmp_path, settings)
    assert pipeline.check() == []
    await create_all(pipeline)
    await publish(pipeline, "t.in", [{"who": "ann"}, {"who": "bob"}, {"other": 1}])
    await run_until_idle(pipeline, "copies", "seconds", "retry")
    found = {name: await read_topic(pipeline, name) for name in (*names.values(), "t.twice")}
    assert {name: len(records) for name, records in found.items()} == {
        "t.in": 3,
        "t.passed": 2,
        "t.failed": 1,
        "t.twice": 2,
    }
    on_broker = {name: records[0].topic for name, records in found.items()}
    assert on_broker["t.passed"] == (
        f"{prefix}company.t.passed" if renamed else f"{prefix}t.passed"
    )
    (dead,) = found["t.failed"]
    headers = {name: value.decode() for name, value in dead.headers}
    assert headers["claimx-dlq-group"] == (
        f"{prefix}company.copiers" if renamed else f"{prefix}copiers"
    )
    assert json.loads(dead.value) == {"other": 1}
    assert await rewind_offsets(pipeline, "copies", to="earliest", topic="t.in")
    assert not await rewind_offsets(pipeline, "copies", to="earliest", topic=on_broker["t.in"])


@pytest.mark.incident("STR-53")
@pytest.mark.parametrize("key", ["input_topic", "success_topic", "error_topic"])
@pytest.mark.parametrize(
    "broker",
    [{"prefix": "acme."}, {"topics": {"t.out": {"name": "acme.t.out"}}}],
    ids=["prefix", "renamed"],
)
def test_a_topic_is_named_as_settings_name_it(tmp_path, key, broker):
    other = {**chain("t.in"), "success_topic": "t.out"}
    wrong = {**chain("t.more"), key: "acme.t.out"}
    said = problems(tmp_path, {"broker": broker, "workers": {"one": other, "another": wrong}})
    assert f"workers.another.{key}: 'acme.t.out' is what topic 't.out' is called" in said


@pytest.mark.incident("STR-53")
def test_two_topics_never_have_one_name_on_the_broker(tmp_path):
    same = {"claimx.entities.rows": {"name": "claimx.downloads.pending"}}
    said = problems(tmp_path, {"broker": {"topics": same}})
    assert "'claimx.downloads.pending' and 'claimx.entities.rows' have one name" in said
    shared = {f"claimx.{each}.dlq": {"name": "company.dead"} for each in ("events", "entities")}
    pipeline = load(tmp_path, {"broker": {"topics": shared}})
    assert pipeline.check() == []
    names = [topic.name for topic in pipeline.topology.new_topics()]
    assert names.count("company.dead") == 1


@pytest.mark.incident("STR-53")
def test_dead_letters_that_a_worker_would_miss_are_a_warning(tmp_path):
    pipeline = load(tmp_path, {"workers": {"download": {"error_topic": "bad.downloads"}}})
    assert pipeline.check() == []
    (warning,) = pipeline.warnings
    assert "reads the dead letters of 'download' from 'claimx.downloads.dlq'" in str(warning)


@pytest.mark.parametrize("key", ["success_topic", "error_topic"])
def test_a_chain_does_not_write_where_the_pipeline_reads(tmp_path, key):
    given = chain("t.in", **{key: "claimx.enrichment.pending"})
    said = problems(tmp_path, {"workers": {"copies": given}})
    assert f"workers.copies.{key}: 'claimx.enrichment.pending' belongs to the pipeline" in said


@pytest.mark.incident("STR-50")
@pytest.mark.parametrize("name", ["a b", "a\u00e9", "a" * 250, "a/b", ".."])
def test_a_topic_has_a_name_that_a_broker_takes(tmp_path, name):
    said = problems(tmp_path, {"workers": {"copies": chain("t.in", success_topic=name)}})
    assert "workers.copies.success_topic: " in said
    assert "is not a valid name" in said
