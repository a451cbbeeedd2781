import threading

import pytest

from claimx_pipeline.delta.handle import REOPEN_AFTER, KeptHandle
from tests.rigs.delta_tables import make_store


@pytest.fixture
def handle(tmp_path):
    return KeptHandle(make_store(tmp_path).location("events"))


def test_a_handle_is_kept_and_renewed_after_so_many_commits(handle):
    first = handle.table()
    for _ in range(REOPEN_AFTER - 1):
        handle.committed()
        assert handle.table() is first
    handle.committed()
    assert handle.table() is not first


def test_a_dropped_handle_is_opened_anew(handle):
    first = handle.table()
    handle.drop()
    assert handle.table() is not first


@pytest.mark.incident("DEL-10")
def test_a_second_thread_is_refused(handle):
    handle.table()
    caught = []

    def use():
        try:
            handle.table()
        except RuntimeError as error:
            caught.append(str(error))

    thread = threading.Thread(target=use)
    thread.start()
    thread.join(10)
    assert caught == ["the handle of 'events' is used from two threads"]
