"""The form of production as each payload that is sent for it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.project_export import exported
from itel_cabinet_plugin.submission.payload import submission_of
from itel_cabinet_plugin.submission.vendor import vendor_submission_of
from itel_cabinet_plugin.submission.vendor_2026 import Fractions, vendor_2026_submission_of
from tests.fakes.itel_production import PROJECT, production
from tests.fakes.itel_samples import PHOTOS

EVENT_ID = "evt-000417"
CARRIER = "example-carrier"
SUBSCRIPTION = "example-subscription"
LINKS = {
    str(media_id): {"fullDownloadLink": f"https://files.example.com/{media_id}.jpg?signature=x"}
    for of in PHOTOS.values()
    for media_id in of
}


def payload(name: str, task: Any = None, fractions: Fractions = "refuse") -> dict[str, Any]:
    """Return payload *name* for a task, the form of production if none is given."""
    parsed = parse_form(
        production() if task is None else task,
        event_id=EVENT_ID,
        parsed_at=datetime(2026, 1, 12, 17, tzinfo=UTC),
    )
    if name == "v1":
        return submission_of(parsed)
    if name == "vendor":
        return vendor_submission_of(parsed, LINKS, carrier_id=CARRIER, subscription_id=SUBSCRIPTION)
    return vendor_2026_submission_of(
        parsed, exported(PROJECT), LINKS, carrier_id=CARRIER, fractions=fractions
    )
