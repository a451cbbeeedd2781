"""What a plugin brings along through the ``claimx_register_*`` hooks, and two of one name."""

import pytest

from claimx_pipeline import ClaimxError, Pipeline
from claimx_pipeline.stages import TransformStage

PLUGIN = """\
from claimx_pipeline import Handled, Plugin, hookimpl
from claimx_pipeline.stages import RecordStage
from claimx_pipeline.tables import STRING, Column, NamedQuery, TableSpec


class Weather:
    name = "weather"
    event_types = frozenset({{"WEATHER"}})
    event_prefixes = ()

    async def handle(self, project_id, events, reader):
        return [Handled() for _ in events]


class Shout(RecordStage):
    config_class = dict


class Mine(Plugin):
    name = "{name}"

    def execute(self, context):
        return None

    @hookimpl
    def claimx_register_brokers(self):
        return {{"pigeon": lambda url, settings: (url, settings)}}

    @hookimpl
    def claimx_register_handlers(self, clock):
        return [Weather()]

    @hookimpl
    def claimx_register_stages(self):
        return {{"shout": Shout}}

    @hookimpl
    def claimx_register_tables(self):
        columns = (Column("id", STRING, nullable=False),)
        return [TableSpec(name="mine", summary="", columns=columns, mode="merge", key=("id",))]

    @hookimpl
    def claimx_register_queries(self):
        return [NamedQuery(name="mine", summary="", sql="SELECT * FROM mine")]
"""


SHARED = """\
from claimx_pipeline import Plugin, hookimpl
from claimx_pipeline.stages import TransformStage


class Mine(Plugin):
    name = "{name}"

    def execute(self, context):
        return None

    @hookimpl
    def claimx_register_stages(self):
        return {{"shared": TransformStage}}
"""


def load(tmp_path, *names: str, text: str = PLUGIN) -> Pipeline:
    for name in names:
        place = tmp_path / "plugins" / name
        place.mkdir(parents=True)
        (place / "config.yaml").write_text(f"name: {name}\nmodule: plugin\nclass: Mine\n")
        (place / "plugin.py").write_text(text.format(name=name))
    (tmp_path / "claimx.yaml").write_text("plugins: {dir: plugins}\n")
    return Pipeline.load(environ={}, cwd=tmp_path)


def test_what_a_plugin_registers_takes_part(tmp_path):
    pipeline = load(tmp_path, "one")
    assert "mine" in pipeline.tables
    assert "mine" in pipeline.queries
    assert "shout" in pipeline.stages
    assert "weather" in {handler.name for handler in pipeline.handlers["claimx"]}
    (tmp_path / "claimx.yaml").write_text(
        "plugins: {dir: plugins}\nbroker: {url: 'pigeon://roof'}\n"
    )
    assert Pipeline.load(environ={}, cwd=tmp_path).broker()[0] == "pigeon://roof"


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("tables", "registers table 'mine', which plugin 'one' has registered already"),
        ("queries", "registers query 'mine', which plugin 'one' has registered already"),
        ("stages", "registers stage 'shout', which plugin 'one' has registered already"),
        ("handlers", "events WEATHER are handled by 'weather' of plugin 'one' already"),
    ],
)
def test_the_same_from_two_plugins_is_refused_with_both_named(tmp_path, what, told):
    pipeline = load(tmp_path, "one", "two")
    with pytest.raises(ClaimxError, match=f"plugin 'two'.*{told}"):
        assert getattr(pipeline, what)


def test_one_stage_may_come_from_two_plugins_so_that_each_works_without_the_other(tmp_path):
    pipeline = load(tmp_path, "one", "two", text=SHARED)
    assert pipeline.stages["shared"] is TransformStage
