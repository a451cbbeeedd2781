"""Stage ``itel_form``: reads the cabinet form out of the looked-up task."""

from __future__ import annotations

import logging
from collections import Counter
from datetime import datetime
from typing import Any, ClassVar, Final

from attrs import evolve, frozen

from claimx_pipeline import Clock, Resources
from claimx_pipeline.stages import Item, RecordStage
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.form.parse import parse_form
from itel_cabinet_plugin.form.values import whole_id
from itel_cabinet_plugin.looked_up_task import ANSWERED_AT_FIELD, TASK_FIELD, task_in

log = logging.getLogger(__name__)

_TOLD_AT_MOST: Final = 1000
_ENTRY_POINT: Final = "itel_cabinet_form"


@frozen(kw_only=True)
class FormConfig:
    """Options of ``itel_form``."""

    input_field: str = TASK_FIELD
    """Field with the assignment as the ClaimX API answered it."""

    answered_at_field: str = ANSWERED_AT_FIELD
    """Field that says when it did; without, the form is as of now."""

    media_ids_field: str = "media_ids"
    """Field with the ids of the task's files, as the event names them."""

    result_field: str = "form"
    """Where the ``ParsedForm`` goes."""

    misfits_field: str = "form_misfits"
    """Where the number of answers that did not fit goes, by reason."""


class FormStage(RecordStage):
    """Parses each form. What a form holds beside the known questions fails nothing."""

    config_class: ClassVar[type[Any]] = FormConfig

    def __init__(self, config: FormConfig) -> None:
        self.config = config
        self._clock: Clock
        self._resources: Resources
        self._told: set[tuple[str, str, str]] = set()

    async def open(self, resources: Resources) -> None:
        """Take the clock, and where misfits are counted."""
        self._clock, self._resources = resources.clock, resources

    async def process_one(self, item: Item) -> None:
        """Parse one form.

        Raises:
            RecordError: Permanent; the field holds no assignment.
        """
        # What a message calls so is not what is counted here.
        item.data[self.config.misfits_field] = {}
        if item.unfinished is not None:
            return  # there is no answer yet; the record comes back for it
        assignment = task_in(item.data, self.config.input_field)
        event_id = item.data.get("event_id")
        answered_at = item.data.get(self.config.answered_at_field)
        parsed = parse_form(
            assignment,
            event_id=event_id if isinstance(event_id, str) else None,
            parsed_at=answered_at if isinstance(answered_at, datetime) else self._clock.now(),
        )
        named = item.data.get(self.config.media_ids_field)
        if isinstance(named, list):
            # A file that is not named by a number is not one of the form's either.
            ids = {str(known) for one in named if (known := whole_id(one)) is not None}
            parsed = evolve(parsed, media_ids=frozenset(ids))
        item.data[self.config.result_field] = parsed
        reasons = Counter(misfit.reason for misfit in parsed.unmatched)
        item.data[self.config.misfits_field] = dict(reasons)
        for reason, count in reasons.items():
            counted = {"reason": str(reason)}
            self._resources.metrics.plugins.count(_ENTRY_POINT, "form_misfits", count, counted)
        self._tell_unmatched(parsed)

    def _tell_unmatched(self, parsed: ParsedForm) -> None:
        """Log each kind of misfit once: a changed form would repeat it with every record."""
        for misfit in parsed.unmatched:
            what = (misfit.reason, misfit.group, misfit.question)
            if what in self._told or len(self._told) >= _TOLD_AT_MOST:
                continue
            self._told.add(what)
            if not misfit.group and misfit.reason == "bad_value":
                log.warning(
                    "cabinet form, field %r of the task cannot be used and is left out: it %s",
                    misfit.question,
                    misfit.detail,
                )
                continue
            log.warning(
                "cabinet form, group %r, question %r: %s%s; the answer, if any, is in raw_data",
                misfit.group,
                misfit.question,
                misfit.reason,
                misfit.detail and f" ({misfit.detail})",
            )
