"""Events of the domain in a whole pipeline."""

import json

from conftest import GOLDEN, PDF

RAW = "xact.events.raw"
TYPE = "verisk.claims.property.xn."


def event(trace_id, subtype="documentsReceived", **data):
    return {
        "type": TYPE + subtype,
        "version": 1,
        "utcDateTime": "2026-01-12T09:30:00.25Z",
        "traceId": trace_id,
        "data": data,
    }


def columns_of(row):
    """Return what a row says beside when it was made."""
    left_out = {"created_at", "created_date"}
    shown = {name: value for name, value in row.items() if name not in left_out}
    return json.loads(json.dumps(shown, default=str))


def test_an_event_becomes_a_row_and_its_attachments_files(xact, attachments):
    links = [attachments.link("a/Report%20One.PDF?X-Amz-Signature=abc"), attachments.link("b.pdf")]
    xact.publish(RAW, event("t1", assignmentId="A-7", attachments=links, note="n"), key="t1")
    xact.run("xact")

    (row,) = xact.rows("xact_events")
    assert (row["trace_id"], row["assignment_id"], row["note"]) == ("t1", "A-7", "n")
    assert "abc" not in row["attachments"]
    files = {each["blob_path"]: each for each in xact.rows("xact_attachments")}
    folder = "documentsReceived/A-7/t1"
    assert set(files) == {f"{folder}/A-7_Report_One.pdf", f"{folder}/A-7_b.pdf"}
    assert {each["status"] for each in files.values()} == {"completed"}
    for path in files:
        assert (xact.folder / "files" / "xact" / path).read_bytes() == PDF
    (line,) = xact.rows("xact_event_log")
    assert (line["outcome"], line["reason"], line["api_calls"]) == ("enriched", "", 0)
    assert xact.dead_letters() == []


def test_every_spelling_of_an_event_arrives_as_the_same_row(xact, spellings):
    for value in spellings.values():
        xact.publish(RAW, value, key="k")
    xact.run("xact-ingest", "xact-events")
    (row,) = xact.rows("xact_events")
    assert columns_of(row) == json.loads((GOLDEN / "row.json").read_text())
    tasks = [
        {name: value for name, value in task.items() if name != "created_at"}
        for task in xact.messages("xact.enrichment.pending")
    ]
    assert len(tasks) == len(spellings)
    assert all(task == tasks[0] for task in tasks)


def test_an_event_in_an_envelope_arrives_as_the_same_row(xact, spellings):
    xact.configure("xact: {payload_path: message.payload}")
    for value in spellings.values():
        wrapped = {"message": {"payload": json.loads(value)}, "sequence": 7}
        xact.publish(RAW, wrapped, key="k")
    xact.run("xact-ingest", "xact-events")
    (row,) = xact.rows("xact_events")
    assert columns_of(row) == json.loads((GOLDEN / "row.json").read_text())


def test_what_is_not_fetched_leaves_a_trace(xact, attachments):
    good = attachments.link("good.pdf")
    xact.publish(
        RAW,
        event("t1", attachments=[good]),
        event("t2", assignmentId="A", attachments=[good, 7, ""]),
        event("t3", assignmentId="A", attachments=["https://elsewhere.example/f.pdf"]),
        event("t4", assignmentId="A", attachments=["nonsense"]),
        event("t5", "paymentProcessorAssigned", assignmentId="A"),
        {**event("t6"), "data": "{broken"},
        key="k",
    )
    xact.run("xact")
    reasons = {row["trace_id"]: row["reason"] for row in xact.rows("xact_event_log")}
    assert reasons == {
        "t1": "1 attachment(s) are not fetched: the event has no assignmentId",
        "t2": "2 of 3 attachment(s) are not fetched: they are not links",
        "t3": "",
        "t4": "",
        "t5": "",
        "t6": "data is not a JSON object; attachments, if there are any, are not fetched",
    }
    states = {row["trace_id"]: row["status"] for row in xact.rows("xact_attachments")}
    assert states == {"t2": "completed", "t3": "failed_permanent", "t4": "failed_permanent"}
    assert len(xact.records("xact.downloads.dlq")) == 2


def test_a_record_that_is_not_an_event_is_a_dead_letter_that_says_why(xact):
    without = event("t1")
    del without["utcDateTime"]
    xact.publish(RAW, without, {"type": TYPE, "traceId": " "}, b"no", key="k")
    xact.run("xact-ingest")
    said = b"".join(value for each in xact.dead_letters() for _, value in each.headers)
    assert len(xact.dead_letters()) == 3
    for reason in (b"'utcDateTime' is None", b"'traceId' is ' '", b"not JSON"):
        assert reason in said
    assert xact.messages("xact.enrichment.pending") == []


def test_files_of_one_name_and_unsafe_names_stay_apart(xact, attachments):
    paths = ["1/photo.pdf", "2/PHOTO.pdf", "..%2F..%2Fetc%2Fpasswd.pdf", "3/%E2%82%AC.pdf"]
    links = [attachments.link(path) for path in paths]
    data = {"assignmentId": "../A", "attachments": links, "estimateVersion": "2/1"}
    xact.publish(RAW, event("t1", "estimatePackageReceived", **data), key="t1")
    xact.run("xact")
    stored = [each["blob_path"] for each in xact.rows("xact_attachments")]
    assert len({path.lower() for path in stored}) == len(links)
    assert all(".." not in path and path.startswith("estimatePackage") for path in stored)
    assert xact.dead_letters() == []
