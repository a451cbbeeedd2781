"""Files of events as people have them: what is read, and what is said of the others."""

import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import Pipeline, UsageError
from claimx_pipeline.operations import create_all, publish_events, read_topic
from claimx_pipeline.sources.event_lines import event_texts
from tests.rigs.command import run

EVENTS = [
    {"eventType": "PROJECT_CREATED", "projectId": number, "note": note}
    for number, note in enumerate(("one", "zwölf", "\U0001f600", "[{", 'a "b"'), 1)
]
LINES = [json.dumps(event, ensure_ascii=False) for event in EVENTS]
SPREAD = "\n\n".join(json.dumps(event, indent=2, ensure_ascii=False) for event in EVENTS)

FORMS = {
    "a line each": "\n".join(LINES),
    "with CRLF": "\r\n".join(LINES) + "\r\n",
    "blank lines": "\n\n \n" + "\n\n".join(LINES) + "\n\n",
    "an array": json.dumps(EVENTS, ensure_ascii=False),
    "an array spread out": json.dumps(EVENTS, indent=4, ensure_ascii=False),
    "an array with CRLF": json.dumps(EVENTS, indent=4, ensure_ascii=False).replace("\n", "\r\n"),
    "an array, a line each": "[\n" + ",\n".join(LINES) + "\n]\n",
    "several arrays": "\n".join(json.dumps([event], ensure_ascii=False) for event in EVENTS),
    "objects spread out": SPREAD,
    "objects one behind another": SPREAD.replace("\n", " "),
}

ENCODED = {
    "UTF-8": lambda text: text.encode(),
    "UTF-8 with a mark": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 LE without a mark": lambda text: text.strip().encode("utf-16-le"),
    "UTF-16 BE without a mark": lambda text: text.strip().encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "gzip of two members": lambda text: (
        gzip.compress(text.encode()[:9]) + gzip.compress(text.encode()[9:])
    ),
    "gzip with padding": lambda text: gzip.compress(text.encode()) + b"\0" * 600,
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16")),
}


def read(data: bytes) -> list[dict]:
    """Return the events in a file that holds *data*, as it is read line by line."""
    texts = [text for _, text in event_texts(data.splitlines(keepends=True)) if text.strip()]
    return [json.loads(text) for text in texts]


@pytest.mark.incident("STR-68")
@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form, encoding):
    assert read(ENCODED[encoding](FORMS[form])) == EVENTS


@pytest.mark.incident("STR-68")
@pytest.mark.parametrize("form", ["a line each", "an array spread out", "an array, a line each"])
def test_the_numbers_are_those_of_the_lines(form):
    text = FORMS[form]
    begins = [number for number, _ in event_texts(text.encode().splitlines(keepends=True))]
    kept = text.splitlines()
    assert [
        kept[number - 1].strip() in ("{", LINES[index], f"{LINES[index]},")
        for index, number in enumerate(begins)
    ] == [True] * len(EVENTS)


@pytest.mark.incident("STR-68")
def test_an_event_that_is_spread_out_is_the_same_record():
    assert [text for _, text in event_texts([FORMS["an array"].encode()])] == [
        text for _, text in event_texts([FORMS["an array spread out"].encode()])
    ]


@pytest.mark.incident("STR-68")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"{}\n" * 5000, mtime=0)[:-20], "cut off"),
        (gzip.compress(b"{}\n" * 5000, mtime=0)[:20] + b"\xff" * 40, "damaged"),
        (b"PK\x03\x04rest", "ZIP archive"),
        (b"BZh91AY", "bzip2"),
        (b"\xfd7zXZ\0", "xz"),
        (b"\x28\xb5\x2f\xfd123", "zstd"),
        (b"PAR1\x15\x04", "Parquet"),
        (b"\x89PNG\r\n\x1a\n\0\0", "zero bytes"),
        (b"\xff\xfe{", "damaged"),
        (b'[{"a": 1}, {"b": }]', "line 1"),
        (b'[\n{"a": 1},\n{"b": 2}\n', "line 4"),
        (b'[\n{"a": 1},\n]\n', "line 2"),
        (b'[{"a": "\xff"}]', "not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
    ],
)
def test_what_cannot_be_read_is_said_in_a_sentence(data, said):
    lines = data.splitlines(keepends=True) if b"\0" not in data else [data]
    with pytest.raises(UsageError) as raised:
        list(event_texts(lines))
    assert said in str(raised.value)
    assert "nothing was published" in str(raised.value)


@pytest.mark.incident("STR-68")
@pytest.mark.parametrize("first", ["{broken", "{", '{"eventType": "A",', "nothing", "<html>"])
def test_a_broken_line_costs_no_other(first):
    lines = [f"{first}\n".encode(), *(f"{line}\n".encode() for line in LINES)]
    assert [text.strip().decode() for _, text in event_texts(lines)] == [first, *LINES]


@given(
    st.lists(st.binary(max_size=20), max_size=5),
    st.sampled_from([b"", b"\x1f\x8b", b"\xff\xfe", b"[", b"{", b"{\0", b"\xef\xbb\xbf"]),
)
def test_whatever_the_bytes_are_it_is_texts_or_a_sentence(lines, start):
    try:
        found = list(event_texts([start, *lines]))
    except UsageError as error:
        found = [(1, str(error).encode())]
    assert all(isinstance(text, bytes) and number >= 0 for number, text in found)


def pipeline(folder) -> Pipeline:
    folder.joinpath("claimx.yaml").write_text("broker: {url: 'sqlite:///./b.db'}\n")
    return Pipeline.load(environ={}, cwd=folder)


@pytest.mark.incident("STR-68")
async def test_a_list_of_lines_is_read_as_well(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    installed = pipeline(tmp_path)
    await create_all(installed)
    done = await publish_events(installed, [b"bad", *(line.encode() for line in LINES)])
    assert (done.published, [each.line for each in done.refused]) == (5, [1])
    assert len(await read_topic(installed, "claimx.events.raw")) == 5
    with pytest.raises(UsageError, match="a single text"):
        await publish_events(installed, LINES[0].encode())


@pytest.mark.incident("STR-68")
def test_the_command_reads_them_and_limits_what_it_prints(tmp_path):
    pipeline(tmp_path)
    assert run("topics", "create", cwd=tmp_path).returncode == 0
    tmp_path.joinpath("events.json.gz").write_bytes(gzip.compress(FORMS["an array"].encode()))
    good = run("publish", "events.json.gz", cwd=tmp_path)
    assert (good.returncode, good.stderr) == (0, "published 5 events\n")
    tmp_path.joinpath("bad.csv").write_text("a;b\n" * 3000)
    bad = run("publish", "bad.csv", cwd=tmp_path)
    assert bad.returncode == 1
    lines = bad.stderr.splitlines()
    assert len(lines) < 30
    assert "bad.csv: 2980 more lines are left out" in lines
    assert lines[-1].startswith("bad.csv holds no event; publish reads JSON objects")
    tmp_path.joinpath("events.zip").write_bytes(b"PK\x03\x04")
    other = run("publish", "events.zip", cwd=tmp_path)
    assert (other.returncode, len(other.stderr.splitlines())) == (2, 1)
    assert "events.zip is a ZIP archive; unpack it first" in other.stderr
