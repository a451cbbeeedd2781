"""The source in a whole pipeline: from the table of Kusto to the table of events."""

import pytest
from stand_in import StandIn

SETTINGS = """\
sources:
  house:
    type: eventhouse
    column: payload
    poll_seconds: 0.2
    options: {{cluster: "{url}", database: claims, table: events, page_size: 10}}
"""


@pytest.fixture
def kusto():
    with StandIn() as stand_in:
        yield stand_in


def test_every_row_is_an_event_once(claimx_sandbox, kusto):
    claimx_sandbox.configure(SETTINGS.format(url=kusto.url))
    for number in range(57):
        event = f'{{"event_type": "PROJECT_CREATED", "project_id": {number}}}'
        kusto.add(f"2026-01-05T10:00:00.{number // 20:07}Z", event, "Rome")
    claimx_sandbox.run("source-house", "events")
    rows = claimx_sandbox.rows("SELECT project_id, ingested_at FROM claimx_events")
    assert sorted(int(row["project_id"]) for row in rows) == [*range(57)]
    assert {str(row["ingested_at"].date()) for row in rows} == {"2026-01-05"}
    kusto.add("2026-01-05T10:00:01.0000000Z", '{"event_type": "X", "project_id": 57}', "Rome")
    claimx_sandbox.run("source-house", "events")
    assert len(claimx_sandbox.rows("claimx_events")) == 58
