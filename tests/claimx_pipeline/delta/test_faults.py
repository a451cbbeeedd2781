import pytest
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    DeltaProtocolError,
    SchemaMismatchError,
)

from claimx_pipeline.delta.faults import write_error
from claimx_pipeline.errors import Category, category_of


@pytest.mark.incident("DEL-09")
@pytest.mark.parametrize(
    ("error", "category"),
    [
        (SchemaMismatchError("field missing"), Category.PERMANENT),
        (DeltaProtocolError("reader version 9"), Category.PERMANENT),
        (CommitFailedError("Failed to commit transaction: 0"), Category.TRANSIENT),
        (DeltaError("Generic S3 error: 403 Forbidden"), Category.TRANSIENT),
        (DeltaError("Generic S3 error: 503 Slow Down"), Category.TRANSIENT),
        (OSError(28, "No space left on device"), Category.TRANSIENT),
        (TimeoutError("no answer"), Category.TRANSIENT),
        (Exception("a bare one"), Category.BUG),
        (TypeError("ours"), Category.BUG),
    ],
)
def test_a_failure_keeps_its_text_and_is_classified_by_type(error, category):
    found = write_error("events", error)
    assert category_of(found) is category
    assert str(found) == f"table 'events': {error}"


def test_a_rust_backtrace_is_cut_off():
    assert write_error("t", DeltaError("it broke\n   0: rust_begin_unwind\n")).reason == "it broke"


def test_an_error_without_text_is_named():
    assert write_error("t", TimeoutError()).reason == "TimeoutError"
