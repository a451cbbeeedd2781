"""A form in a request to iTel, and how it is kept on ``itel.cabinet.sending``."""

from __future__ import annotations

from datetime import datetime

import msgspec
from attrs import asdict, frozen

from claimx_pipeline import OutRecord
from itel_cabinet_plugin.topics import SENDING


@frozen(kw_only=True)
class Request:
    """One form in a request to iTel, as it went out or is about to."""

    form: str
    """Names the form: ``itel/<assignment>/<form response>``."""
    content: str
    """Hash of what the form says; see ``Profile.content``."""
    key: str
    """Idempotency key of the form with this body."""
    body: bytes
    """JSON, as it is sent."""
    body_hash: str
    links_until: datetime | None
    """When the first of the links in the body ends; None if none ends."""
    made_at: datetime
    intent_id: str
    """Names the message on ``itel.cabinet.sending``."""
    batch: tuple[str, ...] = ()
    """Forms that it shares the request with, itself among them, in their order; empty alone."""
    framed: bool = False
    """Whether the request holds a list of tasks."""
    nothing_done: bool = False
    """Surely iTel did nothing with it: it refused it, or could not be reached."""
    assignment_id: int | None = None
    form_response_id: str | None = None
    project_id: str | None = None
    event_id: str | None = None
    passed_on: tuple[tuple[str, bytes], ...] = ()
    """Headers of its messages; not kept with it."""

    def links_ended(self, now: datetime) -> bool:
        """Tell whether a link in the body has ended."""
        return self.links_until is not None and self.links_until <= now


class StoredRequest(msgspec.Struct, omit_defaults=True):
    """A request as it is on ``itel.cabinet.sending``."""

    form: str
    content: str
    key: str
    body: msgspec.Raw
    body_hash: str
    made_at: datetime
    intent_id: str
    links_until: datetime | None = None
    batch: tuple[str, ...] = ()
    framed: bool = False
    nothing_done: bool = False
    assignment_id: int | None = None
    form_response_id: str | None = None
    project_id: str | None = None
    event_id: str | None = None

    def request(self) -> Request:
        """Return the request."""
        fields = {name: getattr(self, name) for name in self.__struct_fields__}
        return Request(**{**fields, "body": bytes(self.body)})


def message_of(request: Request) -> OutRecord:
    """Return *request* as the record that keeps it."""
    fields = asdict(request, recurse=False)
    passed_on = fields.pop("passed_on")
    stored = StoredRequest(**{**fields, "body": msgspec.Raw(request.body)})
    return OutRecord(SENDING.name, msgspec.json.encode(stored), request.form.encode(), passed_on)
