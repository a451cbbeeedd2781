"""What a form is sent as, and to whom: one profile per payload."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from attrs import frozen

from claimx_pipeline import Problem, Resources, SettingsError
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.values import written
from itel_cabinet_plugin.photo_links import Links, PhotoLinks, links_until
from itel_cabinet_plugin.project_export import ExportedProject, ProjectExport, exported
from itel_cabinet_plugin.settings import SECTION, VendorSettings
from itel_cabinet_plugin.submission.accepting import ALREADY_EXISTS, AcceptingRule
from itel_cabinet_plugin.submission.attempts import payload_hash
from itel_cabinet_plugin.submission.payload import Payload, submission_of
from itel_cabinet_plugin.submission.schema import (
    V1_SCHEMA,
    VENDOR_2026_SCHEMA,
    VENDOR_SCHEMA,
    SubmissionSchema,
)
from itel_cabinet_plugin.submission.vendor import vendor_submission_of
from itel_cabinet_plugin.submission.vendor_2026 import (
    Fractions,
    check_fit,
    vendor_2026_submission_of,
)

if TYPE_CHECKING:
    from claimx_pipeline.connections import Connection

log = logging.getLogger(__name__)

SUBSCRIPTION_HEADER: Final = "Ocp-Apim-Subscription-Key"
"""The vendor's gateway rejects a call without it; the field in the body is not enough."""


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
    def accepts(self) -> tuple[AcceptingRule, ...]:
        """Answers that are a yes though their status says otherwise."""
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
    accepts: tuple[AcceptingRule, ...] = ()

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
    accepts: tuple[AcceptingRule, ...] = (ALREADY_EXISTS,)

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent with every request."""
        return {SUBSCRIPTION_HEADER: self._subscription_id}

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
        _warn_of_missing(parsed, made)
        return Made(made, links_until(links))


_UNKNOWN_PROJECT: Final = exported({})


@frozen
class Vendor2026Profile:
    """The vendor's payload since 2026: with links of the photos and what the project says."""

    connection: Connection
    endpoint: str
    _schema: SubmissionSchema
    _links: PhotoLinks
    _projects: ProjectExport
    _carrier_id: str
    _subscription_id: str
    _fractions: Fractions
    accepts: tuple[AcceptingRule, ...] = (ALREADY_EXISTS,)

    @property
    def headers(self) -> Mapping[str, str]:
        """Sent with every request."""
        return {SUBSCRIPTION_HEADER: self._subscription_id}

    def content(self, parsed: ParsedForm) -> str:
        """Return the hash of what the form itself says, whatever event and project say."""
        made = self._made(parsed, _UNKNOWN_PROJECT, {}, "")
        photos = [(photo.question_key, photo.media_id) for photo in parsed.attachments]
        return payload_hash({**made, "integration_test_id": "", "images": photos})

    async def payload(self, parsed: ParsedForm) -> Made:
        """Ask for the project and the photos' links, and return the payload."""
        check_fit(parsed)
        project, links = await self._projects.of(parsed), await self._links.of(parsed)
        made = self._made(parsed, project, links, self._carrier_id)
        self._schema.check(made)
        _warn_of_missing(parsed, made)
        return Made(made, links_until(links))

    def _made(
        self, parsed: ParsedForm, project: ExportedProject, links: Links, carrier_id: str
    ) -> Payload:
        return vendor_2026_submission_of(
            parsed, project, links, carrier_id=carrier_id, fractions=self._fractions
        )


def _warn_of_missing(parsed: ParsedForm, made: Payload) -> None:
    if missing := len(parsed.attachments) - len(made["images"]):
        log.warning(
            "assignment %s: %d of %d photos have no link or no vendor name and are not sent",
            parsed.form.assignment_id,
            missing,
            len(parsed.attachments),
        )


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
    carrier, subscription = _ids_of(vendor)
    return VendorProfile(
        resources.connections.get(vendor.connection),
        vendor.endpoint,
        SubmissionSchema(VENDOR_SCHEMA),
        links,
        carrier,
        subscription,
    )


def vendor_2026_profile(
    resources: Resources, vendor: VendorSettings, links: PhotoLinks, projects: ProjectExport
) -> Profile:
    """Return the profile ``vendor-2026``.

    Raises:
        SettingsError: There is no such connection, or the settings do not say who sends.
    """
    carrier, subscription = _ids_of(vendor)
    return Vendor2026Profile(
        resources.connections.get(vendor.connection),
        vendor.endpoint,
        SubmissionSchema(VENDOR_2026_SCHEMA),
        links,
        projects,
        carrier,
        subscription,
        vendor.fractions,
    )


def _ids_of(vendor: VendorSettings) -> tuple[str, str]:
    """Return the carrier's id and the subscription's.

    Raises:
        SettingsError: One of them is missing.
    """
    if problems := vendor_problems(vendor):
        raise SettingsError(problems)
    subscription = vendor.subscription_id
    return vendor.carrier_id or "", subscription.reveal().strip() if subscription else ""


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
