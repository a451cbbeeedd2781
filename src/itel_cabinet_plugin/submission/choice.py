"""Finds the profile that a form is sent by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from attrs import frozen

from claimx_pipeline import EnrichmentContext, EntityRows, Event
from claimx_pipeline.plugins import Holds, compile_conditions
from itel_cabinet_plugin.form.model import CabinetForm
from itel_cabinet_plugin.settings import PayloadRule
from itel_cabinet_plugin.submission.profile import Profile


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
