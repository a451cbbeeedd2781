"""The task templates of the simulated company."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from claimx_pipeline.simulator.entities import CABINET_TEMPLATE
from claimx_pipeline.simulator.form import cabinet_form

PHOTO_REQUEST = 4001
CONTENTS_INVENTORY = 4002
PROOF_OF_LOSS = 4003

_OTHERS: Mapping[int, Mapping[str, Any]] = {
    PHOTO_REQUEST: {
        "name": "Photo request",
        "description": "Photos of the damage",
        "formId": "5f00c0ffee00000000004001",
        "formName": "Photos",
        "allowReSubmit": True,
        "notifyTaskCompleted": True,
        "notifyCompletedSubject": "Photos have arrived",
        "isManualDelivery": False,
        "modifiedDate": "2025-12-01T00:00:00Z",
    },
    CONTENTS_INVENTORY: {
        "name": "Contents inventory",
        "description": None,
        "formId": "5f00c0ffee00000000004002",
        "formName": "Contents",
        "default": True,
        "isExternalLinkDelivery": False,
        "providePortalAccess": True,
        "modifiedDate": "2025-11-18T14:20:00.500+00:00",
    },
    PROOF_OF_LOSS: {
        "name": "Proof of loss",
        "description": "Signed statement",
        "formId": "5f00c0ffee00000000004003",
        "formName": "Statement",
        "default": False,
        "notifyAssignedSendRecipientSms": True,
        "modifiedDate": None,
    },
}
"""What differs from the cabinet form's template, whose 41 keys all of them have."""


def template(template_id: int) -> dict[str, Any]:
    """Return the ``customTask`` object of a template."""
    sample: dict[str, Any] = cabinet_form().task["customTask"]
    if template_id == CABINET_TEMPLATE:
        return dict(sample)
    return {**sample, **_OTHERS[template_id], "taskId": template_id}
