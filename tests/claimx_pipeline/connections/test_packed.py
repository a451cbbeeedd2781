"""A kept answer takes little memory, and gives back what was answered."""

import json
import tracemalloc
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.answer import Answered
from claimx_pipeline.connections.cache import AnswerCache

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_any_json_comes_back_as_it_was_each_time(body):
    unpacked = Answered(body, NOON).packed()
    assert unpacked() == unpacked() == Answered(body, NOON)
    assert json.dumps(unpacked().body) == json.dumps(body)


async def test_a_kept_answer_takes_about_its_bytes():
    answer = {f"field_{n}": {"name": f"value {n}", "number": n * 1_000_003} for n in range(100)}
    text = json.dumps(answer)
    cache = AnswerCache[Answered](60, 1000, SystemClock(), pack=Answered.packed)

    async def fetch():
        return Answered(json.loads(text), NOON)

    tracemalloc.start()
    try:
        for number in range(200):
            assert (await cache.get(number, fetch)).body == answer
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken < 1.5 * 200 * len(text)
    assert (await cache.get(7, fetch)).body == answer
