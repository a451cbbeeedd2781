"""``claimx_extend_domains``: two plugins in each other's way are named, whoever looks."""

import pytest

from claimx_pipeline import ClaimxError, Pipeline, SettingsError
from tests.rigs.command import run
from tests.rigs.plugin_folder import write_plugin

BODY = """
    from claimx_pipeline import hookimpl
    @hookimpl
    def claimx_extend_domains(self):
        from claimx_pipeline.domain import DomainExtension, EntityKind
        from claimx_pipeline.tables import STRING, Column, TableSpec
        class Handler:
            name = {handler!r}
            event_types = frozenset({types!r})
            event_prefixes = ()
            async def handle(self, key, events, reader): ...
        columns = (Column("id", STRING, nullable=False),)
        table = TableSpec(name={table!r}, summary="S", mode="merge", key=("id",), columns=columns)
        return [DomainExtension(
            domain={domain!r}, kinds=[EntityKind({kind!r}, table)],
            columns={{"projects": [Column({column!r}, STRING)]}},
            handlers=lambda clock: [Handler()],
        )]
"""


def extending(folder, name, **said):
    """Write a plugin that extends a domain by *said*, all else its own."""
    own = {
        "handler": name,
        "types": [f"{name.upper()}_DONE"],
        "table": f"{name}_table",
        "domain": "claimx",
        "kind": f"{name}s",
        "column": f"{name}_a",
    }
    write_plugin(folder, name, BODY.format(**{**own, **said}).replace("\n    ", "\n"))


def settings(folder, *names):
    required = ", ".join(f"{name}: {{required: true}}" for name in names)
    (folder / "claimx.yaml").write_text(f"plugins: {{dir: plugins, {required}}}\n")


CONFLICTS = [
    (
        "event type",
        {"types": ["ONE_DONE"]},
        "plugin 'two': events ONE_DONE are handled by 'one' of plugin 'one' already",
    ),
    (
        "event type of the domain",
        {"types": ["PROJECT_CREATED"]},
        "plugin 'two': events PROJECT_CREATED are handled by 'project' of domain 'claimx' already",
    ),
    (
        "name of a handler",
        {"handler": "one"},
        "plugin 'two': domain 'claimx' has a handler called 'one' of plugin 'one' already",
    ),
    (
        "kind",
        {"kind": "ones"},
        "plugins.two: it adds the kind 'ones' to domain 'claimx', where plugin 'one' has 'ones'",
    ),
    (
        "table",
        {"table": "one_table"},
        "plugins.two: its kind 'twos' has the table 'one_table', which plugin 'one' has already",
    ),
    (
        "column",
        {"column": "one_a"},
        "plugins.two: it adds the column 'one_a' to table 'claimx_projects', "
        "which plugin 'one' has added already",
    ),
    (
        "domain",
        {"domain": "nowhere"},
        "plugins.two: it extends domain 'nowhere', which is not loaded; loaded are claimx",
    ),
    (
        "attribute",
        {"kind": "attempt"},
        "plugins.two: it adds the kind 'attempt' to domain 'claimx', and 'attempt' is an attribute",
    ),
]


@pytest.mark.parametrize(
    ("said", "why"), [each[1:] for each in CONFLICTS], ids=[each[0] for each in CONFLICTS]
)
def test_what_is_in_the_way_is_said_with_both_names_by_the_check_and_at_the_start(
    tmp_path, said, why
):
    extending(tmp_path, "one")
    extending(tmp_path, "two", **said)
    settings(tmp_path, "one", "two")

    def check():
        pipeline = Pipeline.load(environ={}, cwd=tmp_path)
        if problems := pipeline.check():
            raise SettingsError(problems)

    def start():
        pipeline = Pipeline.load(environ={}, cwd=tmp_path)
        pipeline.require(pipeline.select(["ingest"]))

    for look in (check, start):
        with pytest.raises(ClaimxError) as refused:
            look()
        assert why in str(refused.value)


def test_the_commands_print_the_conflict(tmp_path):
    extending(tmp_path, "one")
    extending(tmp_path, "two", kind="ones", types=["ONE_DONE"])
    settings(tmp_path, "one", "two")
    why = "where plugin 'one' has 'ones' already"
    done = run("config", "check", cwd=tmp_path)
    assert (done.returncode, why in done.stdout) == (2, True), done.stdout + done.stderr
    done = run("worker", "ingest", cwd=tmp_path)
    assert (done.returncode, why in done.stderr) == (2, True), done.stdout + done.stderr
    done = run("plugins", "list", cwd=tmp_path)
    assert done.returncode == 0
    assert "what plugins add to domains cannot be shown" in done.stderr


def test_two_plugins_beside_each_other_are_no_conflict(tmp_path):
    extending(tmp_path, "one")
    extending(tmp_path, "two")
    settings(tmp_path, "one", "two")
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    assert pipeline.check() == []
    assert pipeline.domains["claimx"].rows.kinds()[-2:] == ("ones", "twos")
    assert [each.name for each in pipeline.handlers["claimx"]][-2:] == ["one", "two"]
    assert {"one_table", "two_table"} <= pipeline.tables.keys()
