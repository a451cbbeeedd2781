import pytest
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    DeltaProtocolError,
    SchemaMismatchError,
)

from claimx_pipeline.delta.faults import (
    TableUnusableError,
    as_table_error,
    engine_errors,
    one_line,
    write_error,
)
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
    assert str(found) == f"table 'events': {getattr(error, 'strerror', None) or error}"


def test_a_rust_backtrace_is_cut_off():
    assert write_error("t", DeltaError("it broke\n   0: rust_begin_unwind\n")).reason == "it broke"


def test_an_error_without_text_is_named():
    assert write_error("t", TimeoutError()).reason == "TimeoutError"


S3 = (
    "Kernel error -> Generic S3 error\n"
    "          \x1b[31m↳\x1b[0m Error performing GET http://h/b in 293.438061ms, after 2 retries\n"
    "           \x1b[31m↳\x1b[0m tcp connect error\n"
    "            \x1b[31m↳\x1b[0m Connection refused (os error 111)\n"
)


@pytest.mark.incident("STR-64")
def test_the_cause_that_a_store_names_below_its_error_is_kept():
    assert one_line(DeltaError(S3)) == (
        "Kernel error -> Generic S3 error: Error performing GET http://h/b, after 2 retries: "
        "tcp connect error: Connection refused (os error 111)"
    )


@pytest.mark.incident("STR-64")
def test_the_same_failure_has_the_same_text_however_long_it_took():
    assert one_line(DeltaError(S3)) == one_line(DeltaError(S3.replace("293.438061ms", "1.2s")))


@pytest.mark.incident("STR-64")
def test_the_cause_that_a_query_names_is_kept_and_rows_are_not_shown():
    assert one_line(Exception("Rule failed\ncaused by\nCast error")) == "Rule failed: Cast error"
    shown = one_line(DeltaError("1 rows failed.\nPreview of invalid data:\n| secret |"))
    assert shown == "1 rows failed."


def test_what_fails_inside_a_query_is_the_engine_s_failure():
    with pytest.raises(DeltaError, match="no such file"), engine_errors():
        raise Exception("no such file")  # noqa: TRY002 - what the engine raises
    with pytest.raises(TypeError), engine_errors():
        raise TypeError("ours")


class Panic(BaseException):
    """As a panic of a Rust library arrives."""


@pytest.mark.incident("STR-64")
@pytest.mark.parametrize(
    ("error", "category"),
    [
        (Exception("a bare one"), Category.TRANSIENT),
        (ValueError("division by zero"), Category.TRANSIENT),
        (OSError("disk full"), Category.TRANSIENT),
        (Panic("unwrap on None"), Category.BUG),
        (TypeError("ours"), Category.BUG),
    ],
)
def test_whatever_the_engine_raises_is_one_sentence_about_the_table(error, category):
    with (
        pytest.raises(TableUnusableError, match="table 'events': cannot be read: ") as found,
        as_table_error("events", "cannot be read"),
    ):
        raise error
    assert found.value.category is category
    assert category_of(write_error("events", found.value)) is category


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(1)])
def test_a_wish_to_end_is_no_failure_of_the_engine(error):
    with pytest.raises(type(error)), as_table_error("events", "cannot be read"):
        raise error
