"""Section ``itel_cabinet`` of the settings."""

from __future__ import annotations

from collections.abc import Mapping
from string import Formatter
from typing import Any, Final, Literal

from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, deep_mapping, ge, gt, instance_of, matches_re, optional

from claimx_pipeline import Secret, Settings
from claimx_pipeline.plugins import check_conditions
from itel_cabinet_plugin.form.conditions import check_form_conditions

SECTION: Final = "itel_cabinet"
CONNECTION: Final = "itel_cabinet_api"

ENVIRONMENT: Final = {
    "ITEL_CABINET_API_BASE_URL": f"connections.{CONNECTION}.base_url",
    "ITEL_CABINET_API_TOKEN": f"connections.{CONNECTION}.auth_token",
}
"""Environment variable to the setting it sets."""


OWNER: Final = "itel_cabinet"
"""Under this name the plugin has files copied."""

_FOLDER_NAMES: Final = frozenset({"project_id", "assignment_id"})


def folder_template(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse what is not a relative folder.

    Raises:
        ValueError: A name in braces is unknown, or the folder leads elsewhere.
    """
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as error:
        raise ValueError(
            f"{attribute.name!r} is {value!r}, which is not a valid template: {error}"
        ) from error
    if unknown := sorted(names - _FOLDER_NAMES):
        known = ", ".join(sorted(_FOLDER_NAMES))
        raise ValueError(f"{attribute.name!r} names {unknown[0]!r}; it may name {known}")
    if any(part in ("", ".", "..") for part in value.removesuffix("/").split("/")):
        raise ValueError(f"{attribute.name!r} is {value!r}, which is not a valid relative folder")


@frozen(kw_only=True)
class ExtraColumn:
    """A column of your own in ``itel_cabinet_task_tracking``."""

    path: str = field(validator=matches_re(r"\S+"))
    """Dotted path of its value: ``task.mfn``, ``claimx_task_full.externalLinkData.stateId``."""

    type: Literal["string", "long", "double", "bool", "timestamp"] = "string"
    """What it holds; a list or an object becomes JSON in a string."""


PayloadName = Literal["v1", "vendor", "vendor-2026"]
"""What forms can be sent as."""


@frozen(kw_only=True)
class PayloadRule:
    """Forms that are sent as something else than the others."""

    payload: PayloadName
    """Payload for iTel cabinet forms on which the conditions hold."""

    conditions: Mapping[str, Any] = field(validator=check_conditions)
    """``any`` or ``all`` of comparisons on task and project, as those of a task trigger."""


@frozen(kw_only=True)
class VendorSettings:
    """The vendor payloads: who sends, and where to."""

    carrier_id: str | None = field(default=None, validator=optional(matches_re(r"\S+")))
    """Names the carrier; in every vendor payload."""

    subscription_id: Secret | None = None
    """Header ``Ocp-Apim-Subscription-Key`` of every request; in payload ``vendor`` as well."""

    connection: str = CONNECTION
    """Named connection that takes vendor payloads."""

    endpoint: str = field(default="", validator=matches_re(r"(/.*)?"))
    """Path that takes them; empty for the connection's base URL itself."""

    fractions: Literal["refuse", "round", "round_up"] = "refuse"
    """What payload ``vendor-2026``, whose lengths are whole feet, makes of a fraction: the form is
    refused and becomes a dead letter, or the length is rounded."""


@frozen(kw_only=True)
class ItelSettings:
    """The iTel cabinet plugin."""

    task_ids: tuple[int, ...] = field(default=(32513,), validator=deep_iterable(gt(0)))
    """Task templates whose tasks are cabinet forms; they differ between ClaimX environments."""

    trigger_name: str = field(default="iTel cabinet repair", validator=matches_re(r".*\S.*"))
    """Name of the trigger in its messages and their headers."""

    extra_columns: Mapping[str, ExtraColumn] = field(
        factory=dict,
        validator=deep_mapping(matches_re(r"[a-z][a-z0-9_]*"), instance_of(ExtraColumn)),
    )
    """Column name to what it holds; further columns of the tracking table."""

    photos_folder: str = field(
        default="itel_cabinet_form_attachments/{project_id}/{assignment_id}/",
        validator=folder_template,
    )
    """Folder of a form's photos below ``storage.files.root``."""

    submit_statuses: tuple[str, ...] = ("COMPLETED",)
    """Tasks in one of these states are submitted to iTel; case is ignored."""

    submit_when: Mapping[str, Any] | None = field(default=None, validator=check_form_conditions)
    """Conditions on the answers of the form: one that does not meet them is not submitted."""

    endpoint: str = field(default="/api/v1/tasks", validator=matches_re(r"/.*"))
    """Path of the iTel Cabinet API that takes submissions."""

    batch_size: int | None = field(default=None, validator=optional(ge(1)))
    """Forms in one request, at most; without, each form is a request of its own."""

    payload: PayloadName = "v1"
    """iTel cabinet payload as which forms are sent, unless one of ``payload_rules`` says
    otherwise."""

    payload_rules: tuple[PayloadRule, ...] = ()
    """iTel cabinet rules: the first whose conditions hold decides what a form is sent as."""

    vendor: VendorSettings = field(factory=VendorSettings)
    """The vendor payload: who sends, and where to."""

    accepted_remembered: int = field(default=50_000, validator=ge(1))
    """How many forms, the latest, are remembered as accepted and not sent again; some 20 MB."""

    former_metrics: bool = True
    """Whether ``/metrics`` also has the names of the predecessor's documents: ``itel_plugin_…``,
    ``itel_worker_…``, ``itel_tracking_worker_…`` and ``itel_api_worker_…``."""

    @property
    def payloads(self) -> frozenset[str]:
        """Every payload that a form may be sent as."""
        return frozenset({self.payload, *(rule.payload for rule in self.payload_rules)})

    @property
    def connections(self) -> tuple[str, ...]:
        """The connections that forms may be sent to."""
        vendor = self.vendor.connection
        homes = {"v1": CONNECTION, "vendor": vendor, "vendor-2026": vendor}
        return tuple(sorted({homes[name] for name in self.payloads}))


def itel_settings(settings: Settings) -> ItelSettings:
    """Return the plugin's settings; the defaults if its trigger is disabled, which reads them."""
    if SECTION not in settings.sections:
        return ItelSettings()
    return settings.section(SECTION, ItelSettings)
