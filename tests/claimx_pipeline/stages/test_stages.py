"""Stages that look at one record: ``transform``, ``validation``, ``delta``."""

import pytest
from attrs import define

from claimx_pipeline import Done, SettingsError
from claimx_pipeline.delta.spec import LONG, STRING
from claimx_pipeline.runtime.outcome import Dead
from claimx_pipeline.stages import (
    DeltaConfig,
    DeltaStage,
    FieldRule,
    Item,
    SkipRule,
    TransformConfig,
    TransformStage,
    ValidationConfig,
    ValidationStage,
)
from claimx_pipeline.tables import Column, TableSpec


@define
class FakeRecord:
    timestamp: int = 0


def item(**data) -> Item:
    return Item(FakeRecord(), dict(data), dict(data))


async def run(stage, *items: Item) -> Item:
    await stage.process(items)
    return items[0]


async def test_transform_picks_by_path_and_keeps_the_rest():
    stage = TransformStage(
        TransformConfig(mappings={"who": "task.people[0]"}, defaults={"source": "x"})
    )
    done = await run(stage, item(task={"people": ["ann"]}, keep=1))
    assert done.data == {"task": {"people": ["ann"]}, "keep": 1, "who": "ann", "source": "x"}


async def test_a_default_fills_what_no_mapping_found_and_nothing_else():
    stage = TransformStage(TransformConfig(mappings={"a": "no.way"}, defaults={"a": 1, "b": 2}))
    done = await run(stage, item(b=0))
    assert (done.data["a"], done.data["b"]) == (1, 0)


async def test_a_default_is_not_shared_between_records():
    stage = TransformStage(TransformConfig(defaults={"list": []}))
    first, second = item(), item()
    await stage.process([first, second])
    first.data["list"].append(1)
    assert second.data["list"] == []


async def test_a_record_that_lacks_a_required_field_is_dead_and_the_next_goes_on():
    stage = ValidationStage(ValidationConfig(required_fields=("id", "task.id")))
    bad, good = item(id=1), item(id=1, task={"id": 2})
    await stage.process([bad, good])
    assert isinstance(bad.outcome, Dead)
    assert str(bad.outcome.error) == "field 'task.id' is missing"
    assert good.outcome is None


@pytest.mark.parametrize(
    ("rule", "good", "bad"),
    [
        ({"equals": 32513}, 32513, "32513"),
        ({"in_": ("A", "B")}, "B", "C"),
        ({"min": 2}, 2, 1),
        ({"max": 2}, 2, 3),
        ({"min": 0}, 0.5, "many"),
        ({"matches": r"\d+"}, "12", "12a"),
    ],
)
async def test_a_rule_lets_through_what_it_allows(rule, good, bad):
    stage = ValidationStage(ValidationConfig(field_rules={"f": FieldRule(**rule)}))
    assert (await run(stage, item(f=good))).outcome is None
    assert isinstance((await run(stage, item(f=bad))).outcome, Dead)


async def test_a_rule_says_nothing_about_a_missing_field():
    stage = ValidationStage(ValidationConfig(field_rules={"f": FieldRule(equals=1)}))
    assert (await run(stage, item())).outcome is None


async def test_a_record_to_skip_is_done_and_says_why():
    stage = ValidationStage(
        ValidationConfig(required_fields=("id",), skip_if=SkipRule(field="kind", equals="ping"))
    )
    done = await run(stage, item(kind="ping"))
    assert done.outcome == Done(skipped="kind is 'ping'")


@define
class TablesOnly:
    tables: dict


TABLE = TableSpec(
    name="t",
    summary="",
    columns=(Column("id", LONG), Column("who", STRING)),
    mode="append",
    key=("id",),
)


async def test_delta_makes_a_row_of_the_mapped_fields():
    stage = DeltaStage(DeltaConfig(table_name="t", column_mapping={"who": "task.who", "id": "id"}))
    await stage.open(TablesOnly({"t": TABLE}))
    done = await run(stage, item(id=1, task={"who": "ann"}))
    assert [(row.table, row.values) for row in done.rows] == [("t", {"who": "ann", "id": 1})]


async def test_delta_without_a_mapping_takes_fields_called_like_columns():
    stage = DeltaStage(DeltaConfig(table_name="t"))
    await stage.open(TablesOnly({"t": TABLE}))
    assert (await run(stage, item(id=1, other=2))).rows[0].values == {"id": 1, "who": None}


@pytest.mark.parametrize(
    ("config", "told"),
    [
        (DeltaConfig(table_name="u"), "unknown table 'u'; known tables are t"),
        (DeltaConfig(table_name="t", column_mapping={"x": "id"}), "table 't' has no column x"),
    ],
)
async def test_delta_refuses_a_table_or_column_that_is_not_there(config, told):
    with pytest.raises(SettingsError, match=told):
        await DeltaStage(config).open(TablesOnly({"t": TABLE}))
