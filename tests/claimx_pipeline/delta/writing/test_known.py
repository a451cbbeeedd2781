from claimx_pipeline.delta.writing.known import Known, KnownRows
from tests.rigs.delta_tables import NOON


def test_the_key_not_used_for_longest_is_forgotten_first():
    known = KnownRows(limit=2)
    for key in ("a", "b"):
        known.set((key,), Known(None, ()))
    known.get(("a",))
    known.set(("c",), Known(None, ()))
    assert known.get(("b",)) is None
    assert known.get(("a",)) is not None


def test_a_key_remembers_its_last_rows_only():
    found = Known(NOON, ())
    for number in range(6):
        found = found.with_row(bytes([number]))
    assert found.rows == (b"\x02", b"\x03", b"\x04", b"\x05")
    assert found.with_row(b"\x03") == found


def test_clear_forgets_everything():
    known = KnownRows()
    known.set(("a",), Known(None, ()))
    known.clear()
    assert known.get(("a",)) is None
