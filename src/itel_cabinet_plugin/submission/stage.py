"""Stage ``itel_send``: submits a completed form to the iTel Cabinet API."""

from __future__ import annotations

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Final

from attrs import define, field, frozen
from attrs.validators import ge, optional

from claimx_pipeline import Category, Clock, RecordError, Resources, failure
from claimx_pipeline.connections import Answer
from claimx_pipeline.stages import Item
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.photo_links import MEDIA_ENDPOINT, PhotoLinks
from itel_cabinet_plugin.settings import PayloadName, PayloadRule, VendorSettings
from itel_cabinet_plugin.submission.attempts import (
    Attempts,
    Submitted,
    itel_task_id,
    payload_hash,
)
from itel_cabinet_plugin.submission.payload import Payload
from itel_cabinet_plugin.submission.profile import (
    Profile,
    ProfileChoice,
    v1_profile,
    vendor_profile,
)

_LINKS_KEPT_SECONDS: Final = 60.0


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
    """Payload ``vendor``: who sends, and where to."""

    claimx_connection: str = "claimx_api"
    """Named connection that knows the photos' links, which payload ``vendor`` needs."""

    batch_size: int | None = field(default=None, validator=optional(ge(1)))
    """Forms in one request, at most: ``{"tasks": […], "batch_size": n}``.

    Without, each form is a request of its own. A request takes what the worker's batch
    holds. A batch that is refused for good is sent again form by form.
    """

    submit_statuses: tuple[str, ...] = ("COMPLETED",)
    """Tasks in one of these states are submitted, others are skipped; case is ignored."""

    form_field: str = "form"
    """Field with the ``ParsedForm``."""

    result_field: str = "submission"
    """Where what iTel said goes: ``idempotency_key``, ``status_code``, ``itel_task_id``."""


@define(eq=False)
class _Submission:
    """One form on its way out, and the records that asked for it."""

    about: Submitted
    payload: Payload
    profile: Profile
    items: list[Item] = field(factory=list)


class SubmitStage:
    """Sends each completed form; a repetition carries the same ``Idempotency-Key``.

    Every request is reported, also that of a form which is refused or has to wait.
    """

    config_class: ClassVar[type[Any]] = SubmitConfig

    def __init__(self, config: SubmitConfig) -> None:
        self.config = config
        self._statuses = frozenset(status.casefold() for status in config.submit_statuses)
        self._choice: ProfileChoice
        self._clock: Clock

    async def open(self, resources: Resources) -> None:
        """Find the connections and compile the schemas.

        Raises:
            SettingsError: There is no such connection, or a payload's settings are missing.
        """
        config, profiles = self.config, dict[str, Profile]()
        used = {config.payload, *(rule.payload for rule in config.payload_rules)}
        if "v1" in used:
            profiles["v1"] = v1_profile(resources, config.connection, config.endpoint)
        if "vendor" in used:
            claimx = resources.connections.get(config.claimx_connection)
            links = PhotoLinks(claimx, MEDIA_ENDPOINT, _LINKS_KEPT_SECONDS, resources.clock)
            profiles["vendor"] = vendor_profile(resources, config.vendor, links)
        self._choice = ProfileChoice.of(profiles, config.payload, config.payload_rules)
        self._clock = resources.clock

    async def process(self, items: Sequence[Item]) -> None:
        """Submit what is completed, many requests at once but each form in one of them."""
        waiting: dict[str, _Submission] = {}
        for made in await asyncio.gather(*(self._prepare(item) for item in items)):
            if made is not None:
                earlier = waiting.get(made.about.idempotency_key)
                made.items[:0] = earlier.items if earlier else []
                waiting[made.about.idempotency_key] = made
        await asyncio.gather(*(self._submit(part) for part in self._parts(waiting)))

    async def close(self) -> None:
        """Nothing to release: the connection belongs to the process."""

    async def _prepare(self, item: Item) -> _Submission | None:
        """Return the item's submission; None if it has none, which is then its outcome."""
        try:
            return await self._submission(item)
        except BaseException as error:  # noqa: BLE001 - one record's failure is that record's outcome
            item.outcome = failure(error)
            return None

    async def _submission(self, item: Item) -> _Submission | None:
        """Return the item's submission, or skip a task that is not completed.

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
        profile = self._choice.profile(item.data, form)
        payload = await profile.payload(parsed)
        about = Submitted(
            idempotency_key=f"itel/{form.assignment_id}/{form.form_response_id}",
            assignment_id=form.assignment_id,
            form_response_id=form.form_response_id,
            project_id=form.project_id,
            event_id=form.event_id,
            payload_hash=payload_hash(payload),
        )
        return _Submission(about, payload, profile, [item])

    def _parts(self, waiting: Mapping[str, _Submission]) -> list[list[_Submission]]:
        """Return what goes out together: forms of one profile, as many as one request takes."""
        size = self.config.batch_size or 1
        by_profile: defaultdict[int, list[_Submission]] = defaultdict(list)
        for submission in waiting.values():
            by_profile[id(submission.profile)].append(submission)
        return [
            same[at : at + size] for same in by_profile.values() for at in range(0, len(same), size)
        ]

    async def _submit(self, together: Sequence[_Submission]) -> None:
        """Send one request; what becomes of it becomes of every record that asked for it."""
        attempts, profile = Attempts(self._clock), together[0].profile
        try:
            answer = await profile.connection.request(
                self.config.method,
                profile.endpoint,
                json=self._body(together),
                headers=profile.headers,
                idempotency_key=_key(together),
                watch=attempts,
            )
        except BaseException as error:  # noqa: BLE001 - one form's failure is its own records' outcome
            for item in (item for submission in together for item in submission.items):
                item.outcome = failure(error)
        else:
            for submission in together:
                for item in submission.items:
                    item.data[self.config.result_field] = _said(submission, answer)
        for submission in together:
            submission.items[-1].reports += attempts.records(submission.about)
        if len(together) > 1 and _refused(together[0].items[0]):
            # One bad form must not cost the others; alone each gets its own verdict.
            for submission in together:
                for item in submission.items:
                    item.outcome = None
            await asyncio.gather(*(self._submit([submission]) for submission in together))

    def _body(self, together: Sequence[_Submission]) -> Payload:
        if self.config.batch_size is None:
            return together[0].payload
        tasks = [submission.payload for submission in together]
        return {"tasks": tasks, "batch_size": len(tasks)}


def _key(together: Sequence[_Submission]) -> str:
    """Return the name of the request: the form's, or one made of all forms' names."""
    keys = [submission.about.idempotency_key for submission in together]
    if len(keys) == 1:
        return keys[0]
    return f"itel/batch/{hashlib.sha256('|'.join(sorted(keys)).encode()).hexdigest()}"


def _refused(item: Item) -> bool:
    """Tell whether the item's request was refused for good."""
    error = getattr(item.outcome, "error", None)
    return isinstance(error, RecordError) and error.category is Category.PERMANENT


def _said(submission: _Submission, answer: Answer) -> dict[str, Any]:
    return {
        "idempotency_key": submission.about.idempotency_key,
        "form_response_id": submission.about.form_response_id,
        "status_code": answer.status,
        "itel_task_id": itel_task_id(answer),
    }
