from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.stages.fields import read_field

DATA = {"task": {"people": [{"email": "a@example.test"}, {"email": None}]}, "n": 0}


def test_a_path_leads_through_objects_and_lists():
    assert read_field(DATA, "task.people[0].email") == "a@example.test"


def test_a_missing_step_is_none():
    paths = ["task.people[5].email", "task.nobody", "n.deeper", "task.people.email", "nobody[0]"]
    assert [read_field(DATA, path) for path in paths] == [None] * 5


def test_zero_is_a_value():
    assert read_field(DATA, "n") == 0


@given(
    st.text(),
    st.recursive(st.none() | st.text(), lambda x: st.dictionaries(st.text(), x) | st.lists(x)),
)
def test_no_path_and_no_data_raise(path, data):
    read_field(data, path)
