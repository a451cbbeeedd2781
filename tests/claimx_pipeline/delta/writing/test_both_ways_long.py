"""Copy-on-write and the engine's MERGE leave the same rows and say the same of them."""

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.spec import STRING, Column, bucket_of
from claimx_pipeline.delta.writing import files, layout, merge, rewriting
from claimx_pipeline.delta.writing.merging import Merging
from tests.fakes.hasty_clock import HastyClock
from tests.rigs.delta_tables import (
    NOON,
    PROJECTS,
    append_from_elsewhere,
    make_store,
    minutes,
    stored,
    write,
    writer_of,
)
from tests.rigs.keyed_tables import compacted, project

SMALL = {"ROWS": 3, "FEWEST_ROWS": 2, "MOST_ROWS": 5, "LARGEST_ROWS": 12}
KEYS = st.sampled_from([str(n) for n in range(12)])
ROW = st.tuples(
    KEYS,
    st.none() | st.integers(0, 6),
    st.fixed_dictionaries(
        {},
        optional={
            "city": st.sampled_from(["a", "b"]),
            "rooms": st.integers(1, 2),
            "file_name": st.sampled_from(["f", "g"]),
            "file_name_at": st.integers(0, 3).map(minutes),
            "kind": st.sampled_from(["k"]),
        },
    ),
).map(lambda found: project(found[0], found[1] and minutes(found[1]), **found[2]))
STEPS = st.lists(
    st.lists(ROW, min_size=1, max_size=8) | st.sampled_from(["compact", "theirs", "forget"]),
    max_size=8,
)
SPEC = evolve(PROJECTS, columns=(*PROJECTS.columns, Column("kind", STRING, nullable=False)))


class MergedWriter(merge.MergeWriter):
    """As before: the engine merges, whatever the files are like."""

    def _way(self, _form):
        self._contended = True
        return Merging(self.spec, self.handle.table())


def after(store, make_writer, steps):
    """Return what the steps return, and the rows that are there in the end."""
    writer, told = make_writer(), []
    for at, step in enumerate(steps):
        if step == "compact":
            compacted(store)
            writer.reload()
        elif step == "theirs":
            # Another writer doubles a key that may be there.
            row = {
                "project_id": "3",
                "city": f"theirs {at}",
                "kind": "x",
                "_bucket": bucket_of("3"),
            }
            append_from_elsewhere(store, "projects", row)
            writer.reload()
        elif step == "forget":
            writer = make_writer()
        else:
            told.append(write(writer, *step))
    return told, sorted(map(repr, stored(store, "projects")))


@settings(max_examples=1500, deadline=None)
@given(STEPS, st.booleans())
def test_both_ways_of_writing_say_and_leave_the_same(tmp_path_factory, steps, bucketed):
    spec = SPEC if bucketed else evolve(SPEC, bucket_column=None)
    if not bucketed or steps.count("theirs") > 1:
        steps = [step for step in steps if step != "theirs"]
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SMALL.items():
            for module in (layout, files):
                patch.setattr(module, name, value, raising=False)
        patch.setattr(rewriting, "MOST_SMALL", 3)
        ends = []
        for kind in (merge.MergeWriter, MergedWriter):
            store = make_store(
                tmp_path_factory.mktemp("t"), {"projects": spec}, clock=HastyClock(NOON)
            )
            make = lambda store=store, kind=kind: kind(  # noqa: E731
                spec, writer_of(store, "projects").handle, store.clock, "group"
            )
            ends.append(after(store, make, steps))
    assert ends[0] == ends[1]
