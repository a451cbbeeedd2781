"""A keyed table loses and doubles no row, whoever commits between reading and writing it."""

import contextlib
import json
import random
import subprocess
import sys
import threading
from collections import Counter

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.spec import bucket_of
from tests.faults import merge_process
from tests.faults.form import FORM
from tests.rigs import processes
from tests.rigs.delta_tables import PROJECTS, make_store, stored

PATIENCE_SECONDS = 300.0


class Other:
    """Another who works on the table until it is stopped, past all of our code."""

    def __init__(self, store):
        self.store, self.done, self.stopped = store, 0, threading.Event()
        self.failure = None
        self.thread = threading.Thread(target=self.work)

    def work(self):
        try:
            while not self.stopped.is_set():
                # Who was overtaken has done nothing, and begins again.
                with contextlib.suppress(CommitFailedError):
                    self.once()
                    self.done += 1
                self.stopped.wait(random.uniform(0.05, 0.25))
        except BaseException as error:
            self.failure = error
            if not isinstance(error, Exception):
                raise

    def once(self):
        raise NotImplementedError

    def rows(self):
        """Return the rows that have to be there because of it: key to value."""
        return {}

    def theirs(self, key, city):
        row = {"project_id": key, "city": city, "_bucket": bucket_of(key)}
        return pa.Table.from_pylist([row], schema=PROJECTS.schema())


class Compaction(Other):
    """``claimx-run tables compact``."""

    def once(self):
        Maintenance(self.store.location("projects"), spec=PROJECTS).compact()


class Optimize(Other):
    """OPTIMIZE of plain deltalake, which joins all files of a bucket."""

    def once(self):
        self.store.open("projects").optimize.compact()


class Append(Other):
    """An append of plain deltalake: rows with keys of their own."""

    def once(self):
        key = f"append {self.done}"
        write_deltalake(self.store.open("projects"), self.theirs(key, "-"), mode="append")

    def rows(self):
        return {f"append {n}": "-" for n in range(self.done)}


class Merge(Other):
    """MERGE of plain deltalake: counts up a row of its own in each of five buckets."""

    def once(self):
        key = f"merge {self.done % 5}"
        (
            self.store.open("projects")
            .merge(
                self.theirs(key, str(self.done)),
                f"t._bucket = {bucket_of(key)} AND t.project_id = s.project_id",
                source_alias="s",
                target_alias="t",
                streamed_exec=False,
            )
            .when_matched_update_all()
            .when_not_matched_insert_all()
            .execute()
        )

    def rows(self):
        return {f"merge {n % 5}": str(n) for n in range(self.done)}


OTHERS = {
    "compaction": (Compaction,),
    "optimize": (Optimize,),
    "append": (Append,),
    "merge": (Merge,),
    "all": (Compaction, Append, Merge, Optimize),
}


def race(folder, others, instances, seed):
    """Let *instances* of the writer race with *others*; return differences and what was done."""
    store = make_store(folder, {"projects": PROJECTS})
    numbers = [str(FORM.merge_rounds), str(seed)]
    command = processes.command(merge_process, str(folder))
    against = [make(store) for make in others]
    writers = [
        subprocess.Popen(
            [*command, str(number), str(instances), *numbers],
            stdout=subprocess.PIPE,
            env=processes.importing(),
        )
        for number in range(instances)
    ]
    try:
        for each in against:
            each.thread.start()
        told = [writer.communicate(timeout=PATIENCE_SECONDS)[0] for writer in writers]
    finally:
        for writer in writers:
            writer.kill()
            writer.communicate()
        for each in against:
            each.stopped.set()
            each.thread.join()
    assert [writer.returncode for writer in writers] == [0] * instances
    assert [each.failure for each in against] == [None] * len(against)
    expected = {}
    for rows in (*map(json.loads, told), *(each.rows() for each in against)):
        expected |= rows
    found = [(row["project_id"], row["city"]) for row in stored(store, "projects")]
    return judged(expected, found), {type(each).__name__: each.done for each in against}


def judged(expected, found):
    """Return how many rows are lost, doubled and wrong."""
    times = Counter(key for key, _ in found)
    return {
        "lost": len(expected.keys() - times.keys()),
        "doubled": sum(count - 1 for count in times.values()),
        "wrong": sum(expected.get(key) != city for key, city in found),
    }


@pytest.mark.parametrize("others", FORM.merge_others)
@pytest.mark.parametrize("instances", FORM.merge_instances)
@pytest.mark.parametrize("seed", range(FORM.merge_seeds))
def test_no_row_is_lost_or_doubled_whoever_commits_in_between(tmp_path, others, instances, seed):
    found, done = race(tmp_path, OTHERS[others], instances, seed)
    sys.stdout.write(f"seed {seed}, {instances} of ours against {done}: {found}\n")
    assert found == {"lost": 0, "doubled": 0, "wrong": 0}
    assert any(done.values()), "none of the others did anything: there was no race"


def test_the_judge_sees_each_kind_of_damage():
    """The test above means something: what it counts is counted."""
    expected = {"1": "a", "2": "b"}
    assert judged(expected, [("1", "a")])["lost"] == 1
    assert judged(expected, [("1", "a"), ("2", "b"), ("1", "a")])["doubled"] == 1
    assert judged(expected, [("1", "a"), ("2", "c")])["wrong"] == 1
