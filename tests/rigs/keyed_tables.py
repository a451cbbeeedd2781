"""Keyed tables: rows of them, and looks at their files."""

from itertools import islice

import pyarrow as pa

from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.spec import bucket_of
from tests.rigs.delta_tables import NOON


def project(number, at=NOON, **values):
    return {"project_id": number, "answered_at": at, **values}


def in_bucket(bucket, count):
    return [str(n) for n in range(10**6, 10**6 + 100 * count) if bucket_of(str(n)) == bucket][
        :count
    ]


def between(key, count):
    """Return *count* keys of bucket 3 that come right after *key*."""
    found = (f"{key}{n:06}" for n in range(10**6))
    return list(islice((each for each in found if bucket_of(each) == 3), count))


def paths(store, name="projects"):
    return set(store.open(name).file_uris())


def compacted(store, name="projects"):
    return Maintenance(store.location(name), spec=store.spec(name)).compact()


def actions(store, name="projects"):
    return pa.table(store.open(name).get_add_actions(flatten=True)).to_pylist()
