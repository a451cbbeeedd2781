"""Which fields the answers of the ClaimX API are known to have, by endpoint.

Known are those that a column is read from, in every spelling, and those that are ignored on
purpose. Any other is drift: ClaimX has changed, and perhaps has more to say.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.domain.answer_columns import AnsweredColumn

PROJECT: Final = "/export/project/{project_id}"
MEDIA: Final = "/export/project/{project_id}/media"
ASSIGNMENT: Final = "/customTasks/assignment/{assignment_id}"
REPORT: Final = "/data"

_KINDS: Final = {
    PROJECT: ("projects", "contacts"),
    MEDIA: ("media",),
    ASSIGNMENT: ("tasks", "task_templates", "external_links", "contacts"),
    REPORT: ("video_collab",),
}

_FORM: Final = (
    "response groups name groupName groupId questionAndAnswers questionText formControl id "
    "responseAnswerExport type text numberAnswer value optionAnswer answer claimMediaIds label "
    "component "
    "fieldConditions conditions conditionStatements operator operation logicAction logicRules "
    "betweenStatementOperators sourceControlId sourceGroupId hardCodedNumber options required "
    "additionalConfiguration additionalFieldInformationText additionalFieldLabel "
    "additionalFieldPlaceholder calculatedQuestions companyLogoUrl countryEnum description "
    "dimension displayOnReviewPage enableTime fieldFormat forceIncludeInPdf imageDescription "
    "imageInfoDTOs imageUrl informationText lineItemBins lineItemSettings lineItems "
    "linkedExternalField placeholder placeholderOverride showOnDashboard signatureType "
    "taskFormName freeTextAnswer"
)
"""Of a task's form, which plugins read."""

_TASK: Final = (
    "data assignmentId customTask customTaskAssignmentId externalLinkData externalShortLinkUrl "
    "qrCodeUrl qrCodeUrlExpiration straightThroughProcessing hasDashboardView formValuationId "
    "assignee daaInfo externalLinkUrl externalLinkDatasetId recipientIds assigned completed "
    "notifyAssignedBcc notifyAssignedBody notifyAssignedBodySms notifyAssignedReminderNotification "
    "notifyAssignedReminderType notifyAssignedReminderNotificationSms "
    "notifyAssignedReminderTypeSms notifyCompletedBcc notifyCompletedBody "
    "notifyPrimaryTaskCompleted emailSystemReminder emailCustomReminders smsSystemReminder "
    "smsCustomReminders notifyPrimaryContactWhenSent maxAssignedReminders "
    "notifyAssignedReminderDisplayedTimeUnit notifyAssignedReminderNotificationTime "
    "notificationMethod subject body"
)
"""Of a task, with its template and reminders."""

_BESIDE: Final = {
    PROJECT: "data success teamMembers emails emailAddress primary phones countryCode",
    MEDIA: "data media success totalCount",
    ASSIGNMENT: f"{_TASK} {_FORM}",
    REPORT: "data collaborations videoCollaboration success",
}
"""Objects around others, and what is ignored on purpose."""


def _names(kinds: tuple[str, ...]) -> Iterator[str]:
    for kind in KINDS:
        if kind.name in kinds:
            for column in kind.table.columns:
                if isinstance(column, AnsweredColumn):
                    for field in column.fields.values():
                        for path in field.paths:
                            yield from path


KNOWN_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    endpoint: frozenset({*_names(kinds), *_BESIDE[endpoint].split()})
    for endpoint, kinds in _KINDS.items()
}
"""Names of fields, at whatever depth, by endpoint."""
