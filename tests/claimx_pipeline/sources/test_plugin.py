"""Sources that plugins bring: one that is there with the plugin, and types for the settings."""

import json
import re
from pathlib import Path

import pytest

from claimx_pipeline import ClaimxError, Pipeline, SettingsError
from claimx_pipeline.operations import create_topics, run_until_idle
from tests.rigs.sources import raw_records

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "bring-events.md"

TYPE = """\
from attrs import frozen
from claimx_pipeline import hookimpl
from claimx_pipeline.sources import SourceRecord, SourceType


@frozen(kw_only=True)
class Options:
    count: int


class Numbers:
    def __init__(self, count):
        self.count = count

    async def read(self, position):
        first = position or 0
        records = [
            SourceRecord(value=b'{"event_type": "X", "project_id": %d}' % n, at=str(n))
            for n in range(first, self.count)
        ]
        return records, self.count

    async def close(self):
        pass


@hookimpl
def claimx_register_sources():
    return [
        SourceType(
            name="numbers",
            summary="Numbers.",
            options=Options,
            make=lambda settings, options, resources: Numbers(options.count),
        )
    ]
"""

AS_CLASS = """

from claimx_pipeline import Plugin


class It(Plugin):
    name = "{name}"

    def execute(self, context):
        return None

    @hookimpl
    def claimx_register_sources(self):
        return globals()["claimx_register_sources"]()
"""
"""A folder is a plugin by a class; what is written for a package has a function."""


def pipeline_with(folder: Path, code: str, *names: str, **sources) -> Pipeline:
    for name in names or ("acme",):
        place = folder / "plugins" / name
        place.mkdir(parents=True)
        (place / "config.yaml").write_text(f"name: {name}\nmodule: plugin\nclass: It\n")
        (place / "plugin.py").write_text(code + AS_CLASS.format(name=name))
    settings = {"plugins": {"dir": "plugins"}, "sources": sources}
    (folder / "claimx.yaml").write_text(json.dumps(settings))
    return Pipeline.load(environ={}, cwd=folder)


async def test_the_source_of_the_page_is_read(tmp_path):
    """What the page shows is a plugin, by ``claimx_register_sources``, and works as it stands."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    pipeline = pipeline_with(tmp_path, code)
    await create_topics(pipeline)
    (run,) = await run_until_idle(pipeline, "source-ledger")
    assert (run.worker, run.records) == ("source-ledger", 3)
    assert len(await raw_records(pipeline)) == 3


async def test_the_settings_make_sources_of_a_type(tmp_path):
    two = {"type": "numbers", "options": {"count": 2}}
    pipeline = pipeline_with(tmp_path, TYPE, two=two, five={**two, "options": {"count": 5}})
    await create_topics(pipeline)
    runs = await run_until_idle(pipeline, "sources")
    assert {run.worker: run.records for run in runs} == {"source-two": 2, "source-five": 5}


def test_options_that_are_wrong_are_named_with_their_line(tmp_path):
    written = {"type": "numbers", "options": {"count": "many"}}
    with pytest.raises(SettingsError, match=r"claimx.yaml:1: sources.two.options.count"):
        _ = pipeline_with(tmp_path, TYPE, two=written).workers


def test_two_types_of_one_name_are_refused(tmp_path):
    with pytest.raises(ClaimxError, match="registers source 'numbers', which plugin 'one'"):
        _ = pipeline_with(tmp_path, TYPE, "one", "two").workers


def test_a_shipped_type_refuses_what_it_does_not_know(tmp_path):
    for given, said in [
        ({"type": "files"}, "needs 'path'"),
        ({"type": "files", "path": "x", "column": "y"}, "has no 'column'"),
        ({"type": "parquet", "path": "x", "version": 1}, "has no 'version'"),
        ({"type": "delta", "path": "x", "options": {"a": 1}}, "has no 'options'"),
    ]:
        (tmp_path / "claimx.yaml").write_text(json.dumps({"sources": {"s": given}}))
        with pytest.raises(SettingsError, match=said):
            _ = Pipeline.load(environ={}, cwd=tmp_path).workers


def test_a_name_that_cannot_be_a_topic_is_refused(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        json.dumps({"sources": {"Old Events": {"type": "files", "path": "x"}}})
    )
    with pytest.raises(SettingsError, match="'Old Events' is not a valid name of a source"):
        _ = Pipeline.load(environ={}, cwd=tmp_path).workers
