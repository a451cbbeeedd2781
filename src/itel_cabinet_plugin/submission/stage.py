"""Stage ``itel_send``: submits a completed form to the iTel Cabinet API, once.

What iTel accepted is not sent again, and what it did not answer goes out again in the same
words under the same key: the ledger knows both, also after a restart.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import field, frozen
from attrs.validators import ge, optional

from claimx_pipeline import Category, ClaimxError, Clock, RecordError, Resources, failure
from claimx_pipeline.stages import Item
from itel_cabinet_plugin.form.conditions import check_form_conditions, compile_form_conditions
from itel_cabinet_plugin.form.model import CabinetForm, ParsedForm
from itel_cabinet_plugin.photo_links import MEDIA_ENDPOINT, PhotoLinks
from itel_cabinet_plugin.project_export import PROJECT_ENDPOINT, ProjectExport
from itel_cabinet_plugin.settings import PayloadName, PayloadRule, VendorSettings
from itel_cabinet_plugin.submission.attempts import Submitted, not_routed
from itel_cabinet_plugin.submission.choice import ProfileChoice
from itel_cabinet_plugin.submission.ledger import FormLedger
from itel_cabinet_plugin.submission.locks import FormLocks
from itel_cabinet_plugin.submission.profile import (
    Profile,
    v1_profile,
    vendor_2026_profile,
    vendor_profile,
)
from itel_cabinet_plugin.submission.sending import Part, Sender, WantedForm, form_name

log = logging.getLogger(__name__)

_ANSWERS_KEPT_SECONDS: Final = 60.0
_ENTRY_POINT: Final = "itel_cabinet_api"
_ALREADY_ACCEPTED: Final = "forms_already_accepted"
_NOT_ROUTED: Final = "forms_not_routed"


@frozen(kw_only=True)
class SubmitConfig:
    """Options of ``itel_send``."""

    connection: str = "itel_cabinet_api"
    """Named connection that payload ``v1`` is sent to."""

    endpoint: str = "/api/v1/tasks"
    """Path that takes payload ``v1``."""

    method: str = "POST"
    """HTTP method of the submission."""

    payload: PayloadName = "v1"
    """What forms are sent as, unless a rule says otherwise."""

    payload_rules: tuple[PayloadRule, ...] = ()
    """The first whose conditions hold decides what a form is sent as."""

    vendor: VendorSettings = field(factory=VendorSettings)
    """Payloads of the vendor: who sends, and where to."""

    claimx_connection: str = "claimx_api"
    """Named connection that knows the photos' links and the project, which the vendor's payloads
    need."""

    batch_size: int | None = field(default=None, validator=optional(ge(1)))
    """Forms in one request, at most: ``{"tasks": […], "batch_size": n}``.

    Without, each form is a request of its own. A request takes what the worker's batch
    holds. A batch that is refused for good is sent again form by form; one whose answer was
    lost goes out again as it was.
    """

    accepted_remembered: int = field(default=50_000, validator=ge(1))
    """Forms that iTel accepted, the latest, that are known not to be sent again."""

    submit_statuses: tuple[str, ...] = ("COMPLETED",)
    """Tasks in one of these states are submitted, others are skipped; case is ignored."""

    submit_when: Mapping[str, Any] | None = field(default=None, validator=check_form_conditions)
    """Conditions on the answers; a form that does not meet them is reported and not sent."""

    form_field: str = "form"
    """Field with the ``ParsedForm``."""

    result_field: str = "submission"
    """Where what iTel said goes: ``idempotency_key``, ``status_code``, ``itel_task_id``,
    and ``already_accepted`` for a form that was accepted before and not sent again."""


class SubmitStage:
    """Submits forms; the result of a submission is that of every record that asked for it."""

    config_class: ClassVar[type[Any]] = SubmitConfig

    def __init__(self, config: SubmitConfig) -> None:
        self.config = config
        self._why_not = compile_form_conditions(config.submit_when)
        self._statuses = frozenset(status.casefold() for status in config.submit_statuses)
        self._ledger = FormLedger(config.accepted_remembered)
        self._locks = FormLocks()
        self._choice: ProfileChoice
        self._sender: Sender
        self._clock: Clock
        self._resources: Resources

    async def open(self, resources: Resources) -> None:
        """Find the connections and compile the schemas.

        Raises:
            SettingsError: There is no such connection, or a payload's settings are missing.
        """
        config, profiles = self.config, dict[str, Profile]()
        used = {config.payload, *(rule.payload for rule in config.payload_rules)}
        if "v1" in used:
            profiles["v1"] = v1_profile(resources, config.connection, config.endpoint)
        if used - {"v1"}:
            claimx, clock = resources.connections.get(config.claimx_connection), resources.clock
            kept, parameter = _ANSWERS_KEPT_SECONDS, resources.settings.claimx.api.media_parameter
            links = PhotoLinks(claimx, MEDIA_ENDPOINT, kept, clock, parameter)
            projects = ProjectExport(claimx, PROJECT_ENDPOINT, kept, clock)
            if "vendor" in used:
                profiles["vendor"] = vendor_profile(resources, config.vendor, links)
            if "vendor-2026" in used:
                made = vendor_2026_profile(resources, config.vendor, links, projects)
                profiles["vendor-2026"] = made
        self._choice = ProfileChoice.of(profiles, config.payload, config.payload_rules)
        self._clock, self._resources = resources.clock, resources
        self._ledger.open(resources)
        self._sender = Sender(
            self._ledger,
            resources.clock,
            method=config.method,
            result_field=config.result_field,
            framed=config.batch_size is not None,
            clean=resources.redactor.known,
        )

    def assigned(self) -> None:
        """Note that other members may have sent forms of the partitions owned now."""
        self._ledger.assigned()

    async def process(self, items: Sequence[Item]) -> None:
        """Submit what is completed, many requests at once but each form in one of them."""
        wanted: dict[str, WantedForm] = {}
        for item in items:
            try:
                form = self._wanted(item)
            except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
                item.outcome = failure(error)
                continue
            if form is not None:
                earlier = wanted.get(form.name)
                form.items[:0] = earlier.items if earlier else []
                wanted[form.name] = form
        if not wanted:
            return
        try:
            await self._ledger.refresh()
        except ClaimxError as error:
            reason = f"what was sent to iTel before cannot be read, so nothing is sent: {error}"
            _hold(list(wanted.values()), reason)
            return
        async with self._locks.of(wanted):
            await self._submit(list(wanted.values()))

    async def close(self) -> None:
        """Disconnect from the broker; the connection to iTel belongs to the process."""
        await self._ledger.close()

    def _wanted(self, item: Item) -> WantedForm | None:
        """Return the form that the item is about, or skip a task that is not completed.

        The status is the one that ClaimX answered with, not that of the event, which
        may be older.
        """
        parsed = item.data.get(self.config.form_field)
        if not isinstance(parsed, ParsedForm):
            raise RecordError(
                f"field {self.config.form_field!r} holds no form; stage itel_form must come before"
            )
        form = parsed.form
        if (form.status or "").casefold() not in self._statuses:
            item.skip(f"the task is {form.status}, which is not submitted")
            return None
        if (why := self._why_not(parsed)) is not None:
            self._not_routed(item, form, why)
            return None
        profile = self._choice.profile(item.data, form)
        return WantedForm(parsed, profile, profile.content(parsed), [item])

    def _not_routed(self, item: Item, form: CabinetForm, why: str) -> None:
        """Report a completed form that is not for iTel, count it, and be done with it."""
        name = form_name(form)
        about = Submitted(
            idempotency_key=name,
            assignment_id=form.assignment_id,
            form_response_id=form.form_response_id,
            project_id=form.project_id,
            event_id=form.event_id,
            payload_hash=None,
        )
        reason = f"it does not meet itel_cabinet.submit_when: {why}"
        item.reports.append(not_routed(about, reason, self._clock.now()))
        log.info("form %s is not submitted; %s", name, reason, extra=item.log_fields())
        self._resources.metrics.plugins.count(_ENTRY_POINT, _NOT_ROUTED, 1, {})
        item.skip(f"the form is not submitted; {reason}")

    async def _submit(self, wanted: Sequence[WantedForm]) -> None:
        """Send those of the forms that iTel does not have yet."""
        made = await asyncio.gather(*(self._part(form) for form in wanted))
        parts = [part for part in made if part is not None]
        groups, fresh = self._grouped(parts)
        try:
            await self._sender.announce(fresh)
        except ClaimxError as error:
            reason = f"a form is sent only once its request is kept, and it cannot be: {error}"
            _hold([part.form for group in fresh for part in group], reason)
        else:
            groups += fresh
        await asyncio.gather(*(self._sender.send(group) for group in groups))

    async def _part(self, form: WantedForm) -> Part | None:
        """Return what is sent for a form; None if nothing is, and its records say why."""
        try:
            if not form.again and self._has_been_accepted(form):
                return None
            now, request = self._clock.now(), self._ledger.waiting(form.name, form.content)
            if request is not None and request.links_ended(now):
                if not request.nothing_done and not form.again:
                    self._sender.keep_back(form, request)
                    return None
                request = None
            if request is None:
                request = self._sender.request(form, await form.profile.payload(form.parsed))
                return Part(form, request, fresh=True)
            return Part(form, request, fresh=request.nothing_done)
        except BaseException as error:  # noqa: BLE001 - one form's failure is its own records' outcome
            for item in form.items:
                item.outcome = failure(error)
            return None

    def _has_been_accepted(self, form: WantedForm) -> bool:
        """Report a form that iTel has as done; return whether it is one."""
        known = self._ledger.accepted(form.name, form.content)
        if known is None:
            return False
        for item in form.items:
            item.data[self.config.result_field] = {
                "idempotency_key": known.other_key or form.name,
                "form_response_id": form.parsed.form.form_response_id,
                "status_code": known.status_code,
                "itel_task_id": known.itel_task_id,
                "already_accepted": True,
            }
        log.info("iTel has accepted form %s with this content before; it is not sent", form.name)
        self._resources.metrics.plugins.count(_ENTRY_POINT, _ALREADY_ACCEPTED, len(form.items), {})
        return True

    def _grouped(self, parts: Sequence[Part]) -> tuple[list[list[Part]], list[list[Part]]]:
        """Return what goes out together: what was sent before, as it was; and what was not."""
        lost: dict[Any, list[Part]] = {}
        by_profile: defaultdict[int, list[Part]] = defaultdict(list)
        for part in parts:
            if part.fresh:
                by_profile[id(part.form.profile)].append(part)
                continue
            request = part.request
            name = (request.batch, request.made_at) if request.batch else request.form
            lost.setdefault(name, []).append(part)
        size = self.config.batch_size or 1
        fresh = [
            same[at : at + size] for same in by_profile.values() for at in range(0, len(same), size)
        ]
        return [self._whole(group) for group in lost.values()], fresh

    def _whole(self, present: Sequence[Part]) -> list[Part]:
        """Return all forms of the request that *present* were sent in, asked for or not."""
        here = {part.request.form: part for part in present}
        members = self._ledger.members(present[0].request)
        if len(members) == 1:
            return list(present[:1])
        first = present[0].form
        return [
            here.get(each.form) or Part(first.absent(each), each, fresh=False) for each in members
        ]


def _hold(forms: Sequence[WantedForm], why: str) -> None:
    """Let the records of *forms* wait for the broker."""
    for form in forms:
        for item in form.items:
            item.outcome = failure(RecordError(why, Category.TRANSIENT, outage=True))
