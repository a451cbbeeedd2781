"""What a form is sent as, and to whom: one profile per payload."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from attrs import frozen

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    Problem,
    RecordError,
    Resources,
    SettingsError,
)
from claimx_pipeline.connections import (
    Answer,
    Connection,
    JsonVerdict,
    RequestFailedError,
    Verdict,
)
from claimx_pipeline.plugins import Holds, compile_conditions
from itel_cabinet_plugin.form.model import CabinetForm, ParsedForm
from itel_cabinet_plugin.form.values import written
from itel_cabinet_plugin.photo_links import PhotoLinks, links_until
from itel_cabinet_plugin.settings import SECTION, PayloadRule, VendorSettings
from itel_cabinet_plugin.submission.attempts import payload_hash
from itel_cabinet_plugin.submission.payload import Payload, submission_of
from itel_cabinet_plugin.submission.schema import V1_SCHEMA, VENDOR_SCHEMA, SubmissionSchema
from itel_cabinet_plugin.submission.vendor import vendor_submission_of

log = logging.getLogger(__name__)

SUBSCRIPTION_HEADER: Final = "Ocp-Apim-Subscription-Key"
"""The vendor's gateway rejects a call without it; the field in the body is not enough."""


SAYS_SUCCESS: Final = JsonVerdict("success")
"""A yes of iTel: a JSON object without ``success: false``; 202 and 204 may be empty."""

_EXISTS: Final = b"already exists"
_BAD_REQUEST: Final = 400


def vendor_verdict(answer: Answer, usual: RequestFailedError | None) -> RecordError | None:
    """Judge an answer of the vendor, which answers a repetition with 400 "already exists"."""
    if answer.status == _BAD_REQUEST and _EXISTS in answer.body.lower():
        return None
    return SAYS_SUCCESS(answer, usual)


@frozen
class Made:
    """What a form is sent as."""

    payload: Payload
    links_until: datetime | None = None
    """When the first of its links ends; None if none does."""


class Profile(Protocol):
    """A way to send forms."""

    @property
    def connection(self) -> Connection:
        """Where they go."""
        ...

    @property
    def endpoint(self) -> str:
        """Path that takes them."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent with every request."""
        ...

    @property
    def verdict(self) -> Verdict:
        """Tells which answers are a yes."""
        ...

    def content(self, parsed: ParsedForm) -> str:
        """Return a hash of what a form says, without signed links and ids of the sender."""
        ...

    async def payload(self, parsed: ParsedForm) -> Made:
        """Return what is sent for a form, valid by its schema.

        Raises:
            RecordError: The form makes no valid payload, or what it needs cannot be had.
        """
        ...


@frozen
class V1Profile:
    """``CabinetRepairSubmission``, version 1."""

    connection: Connection
    endpoint: str
    _schema: SubmissionSchema
    headers: Mapping[str, str] = {}

    verdict: Verdict = SAYS_SUCCESS

    def content(self, parsed: ParsedForm) -> str:
        """Return the hash of the submission; one instant has one hash, however it is written."""
        form, made = parsed.form, submission_of(parsed)
        times = {
            "dateAssigned": written(form.date_assigned),
            "dateCompleted": written(form.date_completed),
        }
        return payload_hash(made | times)

    async def payload(self, parsed: ParsedForm) -> Made:
        """Return the submission."""
        made = submission_of(parsed)
        self._schema.check(made)
        return Made(made)


@frozen
class VendorProfile:
    """The vendor's payload, with links of the photos."""

    connection: Connection
    endpoint: str
    _schema: SubmissionSchema
    _links: PhotoLinks
    _carrier_id: str
    _subscription_id: str

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent with every request."""
        return {SUBSCRIPTION_HEADER: self._subscription_id}

    @property
    def verdict(self) -> Verdict:
        """Tells which answers are a yes."""
        return vendor_verdict

    def content(self, parsed: ParsedForm) -> str:
        """Return the hash of the payload, with the photos' ids in place of their links."""
        made = vendor_submission_of(parsed, {}, carrier_id="", subscription_id="")
        photos = [(photo.question_key, photo.media_id) for photo in parsed.attachments]
        return payload_hash({**made, "images": photos})

    async def payload(self, parsed: ParsedForm) -> Made:
        """Ask for the photos' links and return the payload."""
        links = await self._links.of(parsed)
        made = vendor_submission_of(
            parsed,
            links,
            carrier_id=self._carrier_id,
            subscription_id=self._subscription_id,
        )
        self._schema.check(made)
        if missing := len(parsed.attachments) - len(made["images"]):
            log.warning(
                "assignment %s: %d of %d photos have no link or no vendor name and are not sent",
                parsed.form.assignment_id,
                missing,
                len(parsed.attachments),
            )
        return Made(made, links_until(links))


def v1_profile(resources: Resources, connection: str, endpoint: str) -> V1Profile:
    """Return the profile ``v1``.

    Raises:
        SettingsError: There is no such connection.
    """
    return V1Profile(resources.connections.get(connection), endpoint, SubmissionSchema(V1_SCHEMA))


def vendor_profile(resources: Resources, vendor: VendorSettings, links: PhotoLinks) -> Profile:
    """Return the profile ``vendor``.

    Raises:
        SettingsError: There is no such connection, or the settings do not say who sends.
    """
    carrier, subscription = vendor.carrier_id, vendor.subscription_id
    if problems := vendor_problems(vendor):
        raise SettingsError(problems)
    return VendorProfile(
        resources.connections.get(vendor.connection),
        vendor.endpoint,
        SubmissionSchema(VENDOR_SCHEMA),
        links,
        carrier or "",
        subscription.reveal().strip() if subscription else "",
    )


def vendor_problems(vendor: VendorSettings) -> list[Problem]:
    """Say what a vendor payload lacks."""
    subscription = vendor.subscription_id
    given = {
        "carrier_id": vendor.carrier_id,
        "subscription_id": subscription.reveal().strip() if subscription else None,
    }
    return [
        Problem(f"{SECTION}.vendor.{name}", "is needed for the vendor payload; set it")
        for name, value in given.items()
        if not value
    ]


@frozen
class ProfileChoice:
    """Finds the profile of a form: the first rule that holds, else the usual one."""

    usual: Profile
    rules: Sequence[tuple[Holds, Profile]] = ()

    @classmethod
    def of(
        cls, profiles: Mapping[str, Profile], usual: str, rules: Sequence[PayloadRule]
    ) -> ProfileChoice:
        """Return the choice among *profiles*, by name."""
        compiled = [(compile_conditions(rule.conditions), profiles[rule.payload]) for rule in rules]
        return cls(profiles[usual], compiled)

    def profile(self, data: Mapping[str, Any], form: CabinetForm) -> Profile:
        """Return the profile for the form that *data*, the trigger's message, led to."""
        if not self.rules:
            return self.usual
        context, task = _asked_about(data, form)
        return next((profile for holds, profile in self.rules if holds(context, task)), self.usual)


def _asked_about(
    data: Mapping[str, Any], form: CabinetForm
) -> tuple[EnrichmentContext, dict[str, Any]]:
    """Return what conditions are asked about: the event, with the task as ClaimX answered it."""
    answered, project = data.get("task"), data.get("project")
    task = {
        **(answered if isinstance(answered, dict) else {}),
        "task_id": form.task_id,
        "assignment_id": form.assignment_id,
        "task_name": form.task_name,
        "status": form.status,
    }
    # Conditions compare no times, so any will do for a message that names none.
    at = form.ingested_at or datetime.fromtimestamp(0, UTC)
    event = Event(
        str(data.get("event_id")), str(data.get("event_type")), str(data.get("project_id")), at
    )
    projects = [project] if isinstance(project, dict) else []
    return EnrichmentContext(event, EntityRows(projects=projects, tasks=[task])), task
