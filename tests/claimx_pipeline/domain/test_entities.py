"""Rows by kind: a class made from a list of kinds, used as plugins use ``EntityRows``."""

import copy
import pickle
from types import SimpleNamespace

import attrs
import pytest

from claimx_pipeline import EntityRows, Handled
from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.domain.entities import RowsByKind, rows_of

SEVEN = [
    "projects",
    "contacts",
    "media",
    "task_templates",
    "tasks",
    "external_links",
    "video_collab",
]
"""Kinds that plugins know, in their order; further ones may stand between them."""


def named(*names):
    return [SimpleNamespace(name=name) for name in names]


@rows_of(named("claims", "notes"))
class Rows(RowsByKind):
    """Rows of another domain."""


def test_a_class_of_rows_has_an_attribute_for_each_kind_in_their_order():
    rows = Rows(notes=[{"text": "a"}])
    assert Rows.kinds() == ("claims", "notes")
    assert list(rows.items()) == [("claims", []), ("notes", [{"text": "a"}])]
    assert rows.count() == 1
    assert issubclass(EntityRows, RowsByKind)


@pytest.mark.parametrize("name", ["items", "count", "kinds", "copied", "no-name", "__init__"])
def test_a_kind_whose_name_would_hide_something_is_refused(name):
    with pytest.raises(ValueError, match="choose another name"):
        rows_of(named(name))


def test_the_rows_of_claimx_have_its_kinds_parents_first():
    assert EntityRows.kinds() == tuple(kind.name for kind in KINDS)
    assert [name for name, _ in EntityRows().items() if name in SEVEN] == SEVEN


def test_rows_are_given_by_name_or_in_order_read_and_replaced():
    rows = EntityRows([{"project_id": "7"}], tasks=[{"assignment_id": 1}])
    assert rows.projects == [{"project_id": "7"}]
    rows.media = [{"media_id": "1"}, {"media_id": "2"}]
    rows.contacts.append({"contact_email": "a"})
    assert rows.count() == 5
    assert EntityRows().media == [], "each has lists of its own"
    assert Handled().entities.projects == []


def test_rows_are_equal_by_their_contents_and_show_them():
    rows = EntityRows(tasks=[{"assignment_id": 1}])
    assert rows == EntityRows(tasks=[{"assignment_id": 1}])
    assert rows != EntityRows()
    assert repr(rows).startswith("EntityRows(projects=[], contacts=[], ")
    assert repr(Rows(notes=[{"text": "a"}])) == "Rows(claims=[], notes=[{'text': 'a'}])"


def test_rows_are_copied_in_every_usual_way():
    rows = EntityRows(tasks=[{"assignment_id": 1}])
    assert copy.copy(rows).tasks is rows.tasks
    for own in (copy.deepcopy(rows), pickle.loads(pickle.dumps(rows)), rows.copied(dict)):
        assert own == rows
        own.tasks[0]["status"] = "DONE"
        assert rows.tasks == [{"assignment_id": 1}]
    assert attrs.evolve(rows, media=[{"media_id": "1"}]).tasks is rows.tasks


def test_a_kind_that_there_is_not_is_an_error():
    with pytest.raises(TypeError, match="project"):
        EntityRows(project=[])
    with pytest.raises(AttributeError, match="project"):
        _ = EntityRows().project
    with pytest.raises(AttributeError, match="project"):
        EntityRows().project = []
