"""What a person sees of tables that cannot be used: a sentence, and all the others."""

import json

import pytest

from tests.rigs.command import run

EVENTS = "claimx_events"
HINT = ("_last_checkpoint", '{"version":40,"size":3}')
FEATURE = (
    "00000000000000000001.json",
    '{"protocol":{"minReaderVersion":3,"minWriterVersion":7,'
    '"readerFeatures":["ofTheYear2040"],"writerFeatures":["ofTheYear2040"]}}',
)


@pytest.fixture(scope="module")
def created(tmp_path_factory):
    """Return a folder with all tables and topics."""
    folder = tmp_path_factory.mktemp("created")
    for kind in ("tables", "topics"):
        assert run(kind, "create", cwd=folder).returncode == 0
    return folder


@pytest.fixture(params=[HINT, FEATURE], ids=["hint", "feature"])
def broken(request, created):
    """Return the folder with a table that cannot be opened."""
    name, text = request.param
    path = created / "claimx-data" / "tables" / EVENTS / "_delta_log" / name
    path.write_text(text)
    yield created
    path.unlink()


def one_sentence(done, *, code=1):
    """Return what was said on standard error, one line of it about the broken table."""
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "panicked" not in done.stderr
    said = [line for line in done.stderr.splitlines() if line.startswith("claimx-run: ")]
    assert len(said) == 1, done.stderr
    return said[0]


@pytest.mark.incident("STR-12")
def test_one_broken_table_keeps_no_other_from_being_shown(broken):
    listed = run("tables", "list", "--json", cwd=broken)
    sentence = one_sentence(listed)
    assert f"table '{EVENTS}': cannot be opened at {broken}" in sentence
    states = {each["table"]: each["state"] for each in json.loads(listed.stdout)}
    assert states.pop(EVENTS) == "cannot be opened"
    assert set(states.values()) == {"ok"}
    for command in ("compact", "vacuum", "maintain"):
        done = run("tables", command, "--json", cwd=broken)
        one_sentence(done)
        found = {each["table"]: each.get("error") for each in json.loads(done.stdout)["tables"]}
        assert found.keys() == {EVENTS, *states}
        assert [table for table, error in found.items() if error] == [EVENTS]


@pytest.mark.incident("STR-12")
def test_a_broken_table_is_described_from_its_declaration(broken):
    described = run("tables", "describe", EVENTS, "--json", cwd=broken)
    one_sentence(described)
    assert "event_id" in [each["column"] for each in json.loads(described.stdout)["columns"]]


@pytest.mark.incident("STR-12")
def test_a_query_of_other_tables_is_answered(broken):
    assert run("query", "SELECT count(*) FROM claimx_projects", cwd=broken).returncode == 0
    one_sentence(run("query", f"SELECT * FROM {EVENTS}", cwd=broken))


@pytest.mark.incident("STR-12")
def test_offsets_of_other_workers_are_shown(broken):
    shown = run("offsets", "show", "--json", cwd=broken)
    one_sentence(shown)
    rows = json.loads(shown.stdout)
    assert [row["worker"] for row in rows if row["state"] == "the table cannot be read"] == [
        "events"
    ]
    assert {"retry", "enrichment"} <= {row["worker"] for row in rows}


@pytest.mark.incident("STR-13")
@pytest.mark.parametrize(
    ("command", "code"), [("tables create", 1), ("tables list", 1), ("worker events", 2)]
)
def test_a_root_that_the_engine_misreads_is_refused_at_the_start(tmp_path, command, code):
    env = {"CLAIMX_DATA_DIR": str(tmp_path / "Team%20Files")}
    said = one_sentence(run(*command.split(), cwd=tmp_path, env=env), code=code)
    assert "has '%20'" in said


QUERIES = [
    "select 1/0",
    "select cast('x' as int)",
    "select regexp_like('a', '(')",
    "select repeat('a', 99999999999)",
    "select array_repeat(1, 999999999999)",
    "select lpad('a', 21474836470)",
    "select chr(-1)",
    "select make_date(2020, 13, 45)",
    "select to_timestamp('x')",
    "select (select 1 union all select 2)",
    "select range(0, 9223372036854775807, 1)",
    "select date_bin(interval '0 day', now(), now())",
]


@pytest.mark.incident("STR-64")
@pytest.mark.parametrize("query", QUERIES)
def test_a_query_that_fails_as_it_runs_is_one_sentence(created, query):
    assert "the query cannot be run" in one_sentence(run("query", query, cwd=created), code=2)


@pytest.mark.incident("STR-64")
def test_a_value_that_python_cannot_hold_is_shown_as_text(created):
    query = (
        "select timestamp '2020-01-01T00:00:00.123456789' as nano, "
        "arrow_cast(99999999999999999, 'Duration(Second)') as long, 7 as seven"
    )
    done = run("query", query, "--json", cwd=created)
    assert done.returncode == 0, done.stderr
    (row,) = json.loads(done.stdout)
    assert row == {
        "nano": "2020-01-01 00:00:00.123456789",
        "long": "99999999999999999",
        "seven": 7,
    }


S3 = {
    "CLAIMX_DATA_DIR": "s3://nosuchbucket/lake",
    "AWS_EC2_METADATA_DISABLED": "true",
}
UNREACHABLE = (
    "storage:\n  max_retries: 0\n  options: {aws_endpoint_url: 'http://127.0.0.1:9', "
    "aws_region: here, aws_access_key_id: a, aws_secret_access_key: b, aws_allow_http: 'true'}\n"
)


@pytest.mark.incident("STR-64")
@pytest.mark.parametrize("settings", ["", UNREACHABLE], ids=["no credentials", "no endpoint"])
@pytest.mark.parametrize(
    "command",
    [
        ["tables", "list"],
        ["tables", "create"],
        ["tables", "describe", EVENTS],
        ["tables", "compact"],
        ["query", f"select * from {EVENTS}"],
    ],
    ids=" ".join,
)
def test_a_store_that_cannot_be_reached_is_one_sentence(tmp_path, settings, command):
    (tmp_path / "claimx.yaml").write_text(settings)
    done = run(*command, cwd=tmp_path, env=S3)
    assert "s3://nosuchbucket/lake" in one_sentence(done)
    assert "WARN" not in done.stderr
    if settings:
        assert "127.0.0.1:9" in done.stderr


@pytest.mark.incident("STR-64")
@pytest.mark.parametrize("root", ["/proc/nowhere", "/dev/null/below"])
def test_a_folder_that_cannot_be_written_is_one_sentence(tmp_path, root):
    said = one_sentence(run("tables", "create", cwd=tmp_path, env={"CLAIMX_DATA_DIR": root}))
    assert f"cannot be created at {root}" in said
