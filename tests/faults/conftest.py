"""What several tests of this folder share."""

import pytest

from tests.faults.attacked_pipeline import undisturbed


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a world comes to in a run in which nothing goes wrong, made once."""
    known = {}

    async def of(world: int):
        if world not in known:
            known[world] = await undisturbed(tmp_path_factory.mktemp(f"world{world}"), world)
        return known[world]

    return of
