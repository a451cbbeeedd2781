"""A table, queries on it, a section of the settings and a command."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, assert_type

from attrs import frozen

from claimx_pipeline import Pipeline, Settings, SettingsSection, hookimpl
from claimx_pipeline.hooks import Command, note, print_table
from claimx_pipeline.operations import query
from claimx_pipeline.tables import BOOL, STRING, TIMESTAMP, Column, NamedQuery, Parameter, TableSpec

TABLE = TableSpec(
    name="acme_notes",
    summary="Notes of Acme.",
    columns=(
        Column("media_id", STRING, nullable=False, doc="The photo"),
        Column("urgent", BOOL),
        Column("noted_at", TIMESTAMP),
        Column("event_id", STRING, bookkeeping=True),
    ),
    mode="merge",
    key=("media_id",),
)

QUERY = NamedQuery(
    name="acme-urgent",
    summary="Urgent notes.",
    sql="SELECT media_id FROM acme_notes WHERE urgent AND noted_at > :since",
    parameters=(Parameter("since", "Time from which on", default="2026-01-01"),),
)


@frozen(kw_only=True)
class AcmeSection:
    greeting: str = "hello"


@hookimpl
def claimx_register_settings() -> SettingsSection:
    return SettingsSection(name="acme", kind=AcmeSection)


@hookimpl
def claimx_register_tables(settings: Settings) -> Iterable[TableSpec]:
    return [TABLE]


@hookimpl
def claimx_register_queries() -> Iterable[NamedQuery]:
    return [QUERY]


@hookimpl
def claimx_register_commands() -> Iterable[Command]:
    return [Command("acme", "See Acme's notes.", "acme.command:app")]


def show(pipeline: Pipeline) -> None:
    found = query(pipeline, QUERY.render({"since": "2026-02-01"}))
    rows: list[dict[str, Any]] = found.to_pylist()
    print_table(rows, ["media_id"])
    note(f"{len(rows)} notes")


assert_type(TABLE.key, tuple[str, ...])
assert_type(QUERY.render(), str)
