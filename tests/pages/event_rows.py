"""The table in ``docs/reference/events-and-rows.md``, made by asking the simulated ClaimX.

``python -m tests.pages.event_rows`` writes it again.
"""

from __future__ import annotations

from pathlib import Path

from claimx_pipeline.domains import EntityRows
from claimx_pipeline.testing import World, make_context

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "events-and-rows.md"
BEGIN, END = "<!-- made -->\n", "<!-- end -->\n"
SEED, EVENTS = 7, 1000


def table() -> str:
    """Return which rows each type of event brings."""
    rows = ["| event type | rows in the context | requests |", "|---|---|---|"]
    for event_type in sorted({event.type for event in World(SEED).events(EVENTS)}):
        context = make_context(event_type)
        kinds = [kind for kind in EntityRows.kinds() if getattr(context.entities, kind)]
        shown = ", ".join(f"`{kind}`" for kind in kinds)
        rows.append(f"| `{event_type}` | {shown} | {context.api_calls} |")
    return "\n".join(rows) + "\n"


def page() -> str:
    """Return the page with the table of now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
