"""``DomainExtension``: what a plugin can add to a domain, and what is in its way."""

import pytest
from attrs import evolve

from claimx_pipeline import (
    DecodeError,
    EnrichmentContext,
    EntityRows,
    RecordError,
    SystemClock,
)
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.domain import (
    Domain,
    DomainExtension,
    EntityKind,
    HandledRows,
    Part,
    Unreadable,
    answered,
)
from claimx_pipeline.domain.extension import with_columns, with_kinds
from claimx_pipeline.domain.messages import EntityMessage
from claimx_pipeline.tables import STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.values import text
from claimx_pipeline.workers import entities

NOTES = EntityKind(
    "notes",
    TableSpec(
        name="acme_notes",
        summary="Notes on claims",
        mode="merge",
        key=("note_id",),
        columns=(Column("note_id", STRING, nullable=False), Column("text", STRING)),
    ),
    singular="note",
)
RANK = Column("acme_rank", STRING)
CITY = answered("acme_city", STRING, "project.address.city", text, doc="City")
AT = Column("acme_rank_at", TIMESTAMP)


class NoteHandler:
    name = "notes"
    event_types = frozenset({"NOTE_ADDED"})
    event_prefixes = ()

    async def handle(self, project_id, events, reader):
        return [HandledRows({"notes": []}) for _ in events]


def extended(domain: Domain, plugin: str = "acme", **said) -> Domain:
    """Return *domain* as the pipeline extends it."""
    extension = DomainExtension(**said)
    found = with_kinds(domain, plugin, extension, reserved=frozenset(dir(EnrichmentContext)))
    return with_columns(found, plugin, extension)


EXTENDED = extended(
    CLAIMX,
    kinds=[NOTES],
    columns={"projects": [RANK, AT, CITY]},
    event_columns={"projects": {"acme_rank": "acme_rank_at"}},
    handlers=lambda clock: [NoteHandler()],
)


def message(domain: Domain, **rows: list) -> bytes:
    return domain.messages.encode(EntityMessage("e1", "A", "7", {}, domain.rows(**rows)))


def test_an_extended_domain_has_the_kind_its_table_columns_and_handler():
    assert EXTENDED.rows.kinds() == (*CLAIMX.rows.kinds(), "notes")
    assert issubclass(EXTENDED.rows, CLAIMX.rows)
    assert EXTENDED.rows.singulars == {"project": "projects", "note": "notes"}
    tables = {table.name: table for table in EXTENDED.all_tables()}
    assert tables["acme_notes"] == evolve(NOTES.table, plugin="acme")
    projects = tables["claimx_projects"]
    assert [(each.name, each.plugin) for each in projects.columns[-3:]] == [
        ("acme_rank", "acme"),
        ("acme_rank_at", "acme"),
        ("acme_city", "acme"),
    ]
    assert projects.event_columns["acme_rank"] == "acme_rank_at"
    assert tables["claimx_event_log"].columns[-1].name == "notes_rows"
    ((plugin, extension),) = EXTENDED.extensions
    assert (plugin, [each.name for each in extension.handlers(SystemClock())]) == (
        "acme",
        ["notes"],
    )
    assert "acme_notes" in entities.worker(EXTENDED).tables
    assert CLAIMX.rows.kinds() == EntityRows.kinds(), "the domain itself is as it was"


def test_rows_that_a_handler_made_without_the_kind_become_rows_with_it():
    made = EXTENDED.rows_from(EntityRows(projects=[{"project_id": "7"}]))
    assert (made.projects, made.notes) == ([{"project_id": "7"}], [])
    assert type(EXTENDED.rows_from(made)) is EXTENDED.rows
    assert EXTENDED.rows_from({"notes": [{"note_id": "1"}]}).notes == [{"note_id": "1"}]


def test_rows_of_a_kind_that_there_is_not_fail_their_event_alone():
    with pytest.raises(RecordError, match="rows of the kind 'nots', which domain 'claimx' does"):
        EXTENDED.rows_from({"nots": []})


def test_columns_of_a_plugin_are_read_where_the_domains_own_handlers_read():
    (handler,) = [each for each in EXTENDED.own_handlers(SystemClock()) if each.name == "project"]
    (kind,) = [each for each in EXTENDED.kinds if each.name == "projects"]
    unreadable = handler._rows.unreadable
    answer = {"project": {"address": {"city": "Bern"}}}
    # The handlers know the kind as the domain declares it.
    (declared,) = [each for each in CLAIMX.kinds if each.name == "projects"]
    assert declared.read(answer, unreadable)["acme_city"] == "Bern"
    assert "acme_city" not in declared.read(answer, Unreadable())
    assert kind.read(answer, unreadable) == declared.read(answer, unreadable)


def test_rows_of_the_kind_arrive_where_the_plugin_is_installed():
    sent = message(EXTENDED, notes=[{"note_id": "1"}], projects=[{"project_id": "7"}])
    rows = EXTENDED.messages.decode(sent).rows
    assert (rows.notes, rows.projects) == ([{"note_id": "1"}], [{"project_id": "7"}])


def test_a_worker_without_the_plugin_refuses_its_kind_by_the_plugins_name():
    with pytest.raises(
        DecodeError, match=r"1 row\(s\) of the kind 'notes'.*install the plugin 'acme'"
    ):
        CLAIMX.messages.decode(message(EXTENDED, notes=[{"note_id": "1"}]))
    assert CLAIMX.messages.decode(message(EXTENDED)).rows == EntityRows(), "none is no harm"


def test_a_worker_without_the_plugin_refuses_values_that_it_would_lose():
    ranked = {"project_id": "7", "acme_rank": "1"}
    sent = message(EXTENDED, projects=[ranked])
    assert EXTENDED.messages.decode(sent).rows.projects == [ranked]
    with pytest.raises(
        DecodeError, match="column 'acme_rank' of table 'claimx_projects'.*the plugin 'acme'"
    ):
        CLAIMX.messages.decode(sent)
    nothing = message(EXTENDED, projects=[{"project_id": "7", "acme_rank": None}])
    assert b"columns" not in nothing
    assert CLAIMX.messages.decode(nothing).rows.projects[0]["project_id"] == "7"


def kind(name: str, table: str = "other_table", singular: str = "") -> EntityKind:
    return evolve(NOTES, name=name, singular=singular, table=evolve(NOTES.table, name=table))


@pytest.mark.parametrize(
    ("said", "why"),
    [
        (
            {"kinds": [kind("notes")]},
            "it adds the kind 'notes' to domain 'claimx', where plugin 'acme' has 'notes' already",
        ),
        ({"kinds": [kind("projects")]}, "where the domain itself has 'projects' already"),
        ({"kinds": [kind("project")]}, "where the domain itself has 'project' already"),
        ({"kinds": [kind("remarks", singular="note")]}, "where plugin 'acme' has 'note' already"),
        ({"kinds": [kind("items")]}, "cannot be called 'items'"),
        ({"kinds": [kind("media_ids")]}, "'media_ids' is an attribute of what plugins are shown"),
        ({"kinds": [kind("project_id")]}, "'project_id' is an attribute"),
        ({"kinds": [kind("headers")]}, "'headers' is an attribute of what plugins are shown"),
        ({"kinds": [kind("a-b")]}, "cannot be called 'a-b'"),
        (
            {"kinds": [kind("remarks", "acme_notes")]},
            "table 'acme_notes', which plugin 'acme' has already",
        ),
        (
            {"kinds": [kind("remarks", "claimx_events")]},
            "table 'claimx_events', which domain 'claimx' has already",
        ),
        (
            {"columns": {"jobs": [Column("other_a", STRING)]}},
            "columns to the kind 'jobs', which domain 'claimx' does not have; it has projects",
        ),
        (
            {"columns": {"projects": [Column("rank", STRING)]}},
            "begin with its name, so call it 'other_rank'",
        ),
        ({"columns": {"projects": [Column("city", STRING)]}}, "which has it already"),
        (
            {"columns": {"projects": [Column("acme_rank", STRING)]}},
            "'acme_rank' to table 'claimx_projects', which plugin 'acme' has added already",
        ),
        (
            {"columns": {"projects": [Column("other_a", STRING, nullable=False)]}},
            "as one that is never null",
        ),
        (
            {
                "columns": {
                    "contacts": [
                        answered("other_a", STRING, "a", text, doc="A", part=Part("phone", ""))
                    ]
                }
            },
            "from the part 'phone' of an answer.*its parts are 'member', 'link_email', 'link'",
        ),
        (
            {"event_columns": {"projects": {"city": "created_at"}}},
            "'city' of 'projects' and its time 'created_at' must both be columns that it adds",
        ),
        (
            {
                "columns": {"projects": [Column("other_a", STRING), Column("other_b", STRING)]},
                "event_columns": {"projects": {"other_a": "other_b"}},
            },
            "'other_b' of 'projects' must be a TIMESTAMP",
        ),
    ],
)
def test_what_cannot_be_added_is_refused_with_who_has_it(said, why):
    with pytest.raises(ValueError, match=why):
        extended(EXTENDED, "other", **said)


def test_the_prefix_of_a_plugin_whose_name_has_a_dash_is_spelled_with_an_underscore():
    found = extended(CLAIMX, "my-notes", columns={"projects": [Column("my_notes_a", STRING)]})
    assert found.kinds[0].added == {"my_notes_a": "my-notes"}


def test_a_plugin_may_add_columns_to_a_kind_of_another_plugin():
    found = extended(EXTENDED, "other", columns={"notes": [Column("other_a", STRING)]})
    assert found.kinds[-1].plugin == "acme"
    assert found.kinds[-1].added == {"other_a": "other"}
