"""The short form of the back-fill beside live events; ``nox -s backfill`` runs all of it."""

from tests.faults.backfill import Plan, run


async def test_a_backfill_that_is_killed_loses_and_doubles_nothing(tmp_path):
    plan = Plan(events=3000, rate=500.0, kills=2, alone_seconds=2.0)
    out = await run(tmp_path, plan)
    assert out.rows == out.ids == out.expected
    assert out.published >= out.expected
    # It is watched for seconds, in which one look too late is already five of a hundred; the long
    # form holds it to these.
    assert out.rate <= 500 * 1.15, str(out)
    assert out.alone
    assert out.beside
