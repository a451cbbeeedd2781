"""Answers of the ClaimX API with every field that is read, and the service that gives them."""

import copy
from typing import Any

from tests.fakes.http_service import Asked, Reply

PROJECT: dict[str, Any] = {
    "project": {
        "projectId": 700100,
        "projectNumber": "CLM-0001",
        "mfn": "MFN-0001",
        "masterFilename": "MFN-0001",
        "secondaryNumber": "POL-0001",
        "createdDate": "2026-01-05T09:00:00Z",
        "status": "Active",
        "dateOfLoss": "2026-01-02T00:00:00.000+00:00",
        "typeOfLoss": "WATER",
        "causeOfLoss": "Pipe",
        "lossDescription": " text ",
        "yearBuilt": 1990,
        "squareFootage": "2400.5",
        "dateReceived": "2026-01-03T00:00:00-07:00",
        "dateContacted": "2026-01-04T10:00:00",
        "plannedInspectionDate": None,
        "dateInspected": "",
        "appointmentDate": 1767693600000,
        "customAttribute1": "a1",
        "customAttribute2": 2,
        "customAttribute3": None,
        "customExternalUniqueId": "ext-1",
        "customerInformation": {
            "firstName": "Holder",
            "lastName": "Null",
            "customBusinessName": "Shop",
            "businessLineType": "RESIDENTIAL",
            "emails": [
                {"emailAddress": "other@example.test", "primary": False},
                {"emailAddress": "holder@example.test", "primary": True},
            ],
            "phones": [{"phoneNumber": "000-0001", "phoneCountryCode": 1}],
        },
        "address": {
            "street1": "1 Test St",
            "street2": "Flat 2",
            "city": "Testville",
            "stateProvince": "TS",
            "zipPostcode": "00000",
            "county": "Test",
            "country": "US",
        },
    },
    "teamMembers": [
        {"userName": "rep@example.test", "primaryContact": True, "mfn": "MFN-0001"},
        {"userName": "", "primaryContact": False, "mfn": None},
        {"userName": "second@example.test"},
    ],
    "companyName": "Test Carrier",
}

MEDIA: dict[str, Any] = {
    "mediaID": 500001,
    "taskAssignmentId": 300001,
    "mediaType": "jpg",
    "mediaName": "photo_1.jpg",
    "mediaDescription": "front",
    "mediaComment": "dark",
    "latitude": "40.1",
    "longitude": -105.2,
    "gpsSource": "EXIF",
    "takenDate": "2026-01-05T10:00:00Z",
    "expiresAt": "2026-01-06T10:00:00Z",
    "fullDownloadLink": "https://files.example.test/photo_1.jpg?systemDate=1&expires=2&sign=S",
}

TASK: dict[str, Any] = {
    "assignmentId": 300001,
    "taskId": 4001,
    "taskName": "Photo request",
    "formId": "form-1",
    "projectId": 700100,
    "assigneeId": 11,
    "assignorId": 12,
    "assignor": "rep@example.test",
    "dateAssigned": "2026-01-05T10:00:00Z",
    "dateCompleted": "2026-01-06T10:00:00.5Z",
    "cancelledDate": "2026-01-07T10:00:00Z",
    "cancelledByResourceId": 13,
    "status": "COMPLETED",
    "pdfProjectMediaId": 500002,
    "dateExported": "2026-01-08T10:00:00Z",
    "formResponseId": "resp-1",
    "stpEnabled": False,
    "stpStartedDate": "2026-01-09T10:00:00Z",
    "mfn": "MFN-0001",
    "xactimateExportable": True,
    "fraudLanguageAcceptedDate": "2026-01-10T10:00:00Z",
    "resubmitTaskAssignmentId": 300000,
    "url": "https://example.test/t/300001",
    "customTask": {
        "taskId": 4001,
        "compId": 9,
        "name": "Photo request",
        "description": "d",
        "formId": "form-1",
        "formName": "Form",
        "enabled": True,
        "default": False,
        "isManualDelivery": False,
        "isExternalLinkDelivery": True,
        "providePortalAccess": False,
        "notifyAssignedSendRecipient": True,
        "notifyAssignedSendRecipientSms": False,
        "notifyAssignedSubject": "s",
        "notifyTaskCompleted": True,
        "notifyCompletedSubject": "s2",
        "allowReSubmit": True,
        "autoGeneratePdf": False,
        "modifiedBy": "admin",
        "modifiedById": 12,
        "modifiedDate": "2025-12-01T00:00:00Z",
    },
    "externalLinkData": {
        "linkId": 800001,
        "linkCode": "ABC123",
        "url": "https://example.test/l/ABC123",
        "notificationAccessMethod": "EMAIL",
        "countryId": 1,
        "stateId": 2,
        "email": "link@example.test",
        "firstName": "Link",
        "lastName": "Person",
        "phone": "null",
        "phoneCountryCode": 1,
    },
    "response": {"groups": []},
}

VIDEO: dict[str, Any] = {
    "videoCollaborationId": 900001,
    "id": 900001,
    "claimId": 700100,
    "mfn": "MFN-0001",
    "claimNumber": "CLM-0001",
    "policyNumber": "POL-0001",
    "emailUserName": "rep@example.test",
    "claimRepFirstName": "Rep",
    "claimRepLastName": "One",
    "claimRepFullName": "Rep One",
    "numberOfVideos": 1,
    "numberOfPhotos": 2,
    "numberOfViewers": 3,
    "sessionCount": 4,
    "totalTimeSeconds": 123.456,
    "totalTime": "00:02:03",
    "createdDate": "2026-01-05T10:00:00Z",
    "liveCallFirstSession": "2026-01-05T10:01:00Z",
    "liveCallLastSession": "2026-01-05T10:03:00Z",
    "companyId": 9,
    "companyName": "Test Carrier",
    "guid": "00000000-0000-0000-0000-000000000001",
}


def project(project_id: int = 700100, **changes: Any) -> dict[str, Any]:
    """A project's answer with other values in its ``project``."""
    body = copy.deepcopy(PROJECT)
    body["project"] |= {"projectId": project_id, **changes}
    return body


class FakeClaimx:
    """Answers as ClaimX does, for any project, file and assignment; ``http_service`` serves it."""

    def __init__(self) -> None:
        self.status: dict[str, int] = {}
        """Beginning of a path to the status answered there."""
        self.missing_media: set[int] = set()
        self.videos: list[dict[str, Any]] = [VIDEO]
        self.task = TASK
        self.project: dict[str, Any] = {}
        self.team: list[dict[str, Any]] | None = None

    def __call__(self, asked: Asked) -> Reply:
        for path, status in self.status.items():
            if asked.path.startswith(path):
                return Reply({"error": "as told"}, status)
        parts = asked.path.strip("/").split("/")
        match parts:
            case ["export", "project", number]:
                body = project(int(number), **self.project)
                team = body["teamMembers"] if self.team is None else self.team
                return Reply({"data": body | {"teamMembers": team}})
            case ["export", "project", _, "media"]:
                ids = [int(one) for one in asked.query["mediaId"][0].split(",")]
                found = [MEDIA | {"mediaID": one} for one in ids if one not in self.missing_media]
                return Reply({"data": found})
            case ["customTasks", "assignment", number]:
                return Reply(self.task | {"assignmentId": int(number)})
            case ["data"]:
                return Reply({"data": self.videos})
            case ["notes", _]:
                return Reply({"asked": asked.path})
        return Reply({"error": "no such path"}, 404)
