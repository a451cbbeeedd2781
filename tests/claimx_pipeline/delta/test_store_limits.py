"""An object store that answers wrongly, or not at all: every wait has an end."""

import time
from datetime import UTC, datetime

import pytest

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.errors import Category, SettingsError, TableError
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.store import StorageError
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.storage import StorageSettings
from tests.rigs.delta_tables import EVENTS, make_store
from tests.rigs.odd_s3 import odd_s3

LIMITS = StorageSettings(
    max_retries=1,
    retry_timeout_seconds=2.0,
    timeout_seconds=0.5,
    connect_timeout_seconds=0.5,
)
BOUND = 10.0
"""Seconds; without the limits each of these waits lasts 30 and more."""
WRONG = ["truncated", "silent", "trickling"]


@pytest.mark.incident("STR-16")
@pytest.mark.parametrize("listing", WRONG)
@pytest.mark.parametrize("call", ["exists", "open", "check", "create"])
def test_a_table_whose_listing_is_wrong_is_a_sentence_in_time(call, listing):
    with odd_s3(listing) as odd:
        options = LIMITS.limited(odd.options())
        store = make_store(
            "s3://bucket/lake", {"events": EVENTS}, created=False, storage_options=options
        )
        began = time.monotonic()
        with pytest.raises(TableError, match=r"s3://bucket/lake/events: .*S3") as found:
            getattr(store, call)("events")
        assert time.monotonic() - began < BOUND
        assert odd.listings <= 4
    assert len(str(found.value).splitlines()) == 1


@pytest.mark.incident("STR-16")
@pytest.mark.parametrize("listing", WRONG)
async def test_a_worker_waits_for_it_as_for_any_store(listing):
    with odd_s3(listing) as odd:
        options = LIMITS.limited(odd.options())
        store = make_store(
            "s3://bucket/lake", {"events": EVENTS}, created=False, storage_options=options
        )
        began = time.monotonic()
        with pytest.raises(TableWriteError) as found:
            await store.sink("events", "group").open()
        assert time.monotonic() - began < BOUND
    assert found.value.category is Category.TRANSIENT


@pytest.mark.incident("STR-16")
@pytest.mark.parametrize("listing", WRONG)
async def test_a_store_of_files_is_bounded_by_the_same_settings(listing):
    with odd_s3(listing) as odd:
        store = open_store("s3://bucket/files", odd.options(), "storage.files", LIMITS)
        began = time.monotonic()
        with pytest.raises(StorageError, match="cannot list") as found:
            _ = [each async for each in store.older_than(datetime.now(UTC))]
        assert time.monotonic() - began < BOUND
        assert odd.listings <= 4
    assert found.value.outage


@pytest.mark.incident("STR-16")
def test_the_settings_reach_the_tables(tmp_path):
    text = (
        "storage:\n  table_timeout_seconds: 7.5\n  max_retries: 9\n  timeout_seconds: 11.5\n  retry_timeout_seconds: 13\n"
        "  connect_timeout_seconds: 0.25\n  options: {AWS_TIMEOUT: 5s}\n"
    )
    (tmp_path / "claimx.yaml").write_text(text)
    store = Pipeline.load(tmp_path / "claimx.yaml", environ={}).table_store
    assert store.time_limit == 7.5
    revealed = {name: each.reveal() for name, each in store.settings.storage_options.items()}
    assert revealed == {
        "max_retries": "9",
        "retry_timeout": "13000ms",
        "connect_timeout": "250ms",
        "AWS_TIMEOUT": "5s",  # an option's own word wins
    }


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"max_retries": "many"}, "'max_retries' is not a number"),
        ({"retry_timeout": "soon"}, "'retry_timeout' is not a duration"),
    ],
)
def test_a_limit_that_is_none_is_refused(options, told):
    with pytest.raises(SettingsError, match=told):
        open_store("s3://bucket", {name: Secret(text) for name, text in options.items()})
