from claimx_pipeline.delta.contents import same_contents
from tests.rigs.delta_tables import NOON, event, make_store, minutes, said, write, writer_of


def test_same_contents_leave_bookkeeping_and_order_out(tmp_path):
    one, other = make_store(tmp_path / "one"), make_store(tmp_path / "other")
    write(writer_of(one, "events"), event("a", made_at=NOON), event("b", minutes(1)))
    writer = writer_of(other, "events")
    for row in (event("b", minutes(1), made_at=minutes(9)), event("a")):
        write(writer, row)
    spec = one.spec("events")
    assert same_contents(one.open("events"), other.open("events"), spec)
    write(writer, event("c"))
    assert not same_contents(one.open("events"), other.open("events"), spec)


def test_contents_count_rows_that_occur_twice(tmp_path):
    store = make_store(tmp_path)
    writer = writer_of(store, "kinds_appended")
    write(writer, {"id": "a"}, {"id": "a"}, {"id": "b"})
    assert sorted(said(store, "kinds_appended").values()) == [1, 2]
