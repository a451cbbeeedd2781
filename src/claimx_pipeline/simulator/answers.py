"""What the ClaimX API says about an entity at a given time, in its own spelling."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from claimx_pipeline.simulator.entities import Completion, Link, Media, Project, Task, Video
from claimx_pipeline.simulator.form import cabinet_form
from claimx_pipeline.simulator.templates import template
from claimx_pipeline.simulator.wire import iso, iso_z

_COMPANY_ID = 7301


SITE = "https://claimx.example.test"
"""Address of the ClaimX web site: part of the world, wherever the simulator listens."""


def project_answer(project: Project, now: datetime) -> dict[str, Any]:
    """Return the answer of the project endpoint."""
    mfn = project.mfn(now)
    joined = project.joined_at if project.joined_at and project.joined_at <= now else None
    details: dict[str, Any] = {
        "projectId": project.project_id,
        "projectNumber": project.number,
        "mfn": mfn,
        "masterFilename": mfn,
        "secondaryNumber": project.policy,
        "createdDate": iso_z(project.created_at),
        "status": "In Progress" if joined else "Active",
        "dateOfLoss": iso_z(project.created_at - timedelta(days=3)),
        **project.loss,
        "dateReceived": iso_z(project.created_at),
        "dateContacted": iso_z(joined) if joined else None,
        "plannedInspectionDate": None,
        "dateInspected": None,
        "appointmentDate": None,
        "customAttribute1": project.company[:4],
        "customAttribute2": None,
        "customAttribute3": None,
        "customExternalUniqueId": f"ext-{project.project_id}",
        "customerInformation": _customer(project),
        "address": dict(project.address),
    }
    team = [
        {"userName": member.user_name, "primaryContact": member.primary, "mfn": member.mfn}
        for member in project.team
    ]
    return {"data": {"project": details, "teamMembers": team, "companyName": project.company}}


def media_answer(media: Media, link: str, expires_at: datetime | None) -> dict[str, Any]:
    """Return one item of the media endpoint.

    Args:
        media: The file.
        link: Where it can be fetched for a while.
        expires_at: When the link ends, where the API says so.
    """
    latitude, longitude = media.position or (None, None)
    return {
        "mediaID": media.media_id,
        "taskAssignmentId": media.assignment_id,
        "mediaType": media.extension,
        "mediaName": media.name,
        "mediaDescription": media.description,
        "mediaComment": None,
        "latitude": latitude,
        "longitude": longitude,
        "gpsSource": "EXIF" if media.position else None,
        "takenDate": iso(media.taken_at),
        "fullDownloadLink": link,
        "expiresAt": iso_z(expires_at) if expires_at else None,
    }


def task_answer(task: Task, project: Project, now: datetime, *, full: bool) -> dict[str, Any]:
    """Return the answer of the task endpoint, which has no ``data`` around it.

    Args:
        task: The task.
        project: Its project.
        now: The time as of which it is asked.
        full: Whether the filled-in form is wanted.
    """
    custom = template(task.template_id)
    done = task.completion(now)
    page = f"{SITE}/projects/{task.project_id}/my-task/{task.template_id}"
    answer = {
        **cabinet_form().task,
        "assignmentId": task.assignment_id,
        "taskId": task.template_id,
        "taskName": custom["name"],
        "formId": custom["formId"],
        "assigneeId": None,
        "dateAssigned": iso(task.assigned_at),
        "projectId": task.project_id,
        "externalLinkData": _link(task.link, task) if task.link else None,
        "mfn": project.mfn(now),
        "customTask": custom,
        "url": f"{page}?assignmentId={task.assignment_id}",
        "assignor": task.assignor,
        **_state(done),
    }
    answer["response"] = _response(done) if done and full else None
    return answer


def video_answer(video: Video, project: Project, now: datetime) -> dict[str, Any]:
    """Return one item of the video report."""
    held = video.completed_at is not None and video.completed_at <= now
    ended = video.completed_at if held else None
    seconds = video.seconds if held else 0
    rep = video.representative
    return {
        "videoCollaborationId": video.video_id,
        "id": video.video_id,
        "claimId": project.project_id,
        "mfn": project.mfn(now),
        "claimNumber": project.number,
        "policyNumber": project.policy,
        "emailUserName": rep.email,
        "claimRepFirstName": rep.first_name,
        "claimRepLastName": rep.last_name,
        "claimRepFullName": f"{rep.first_name} {rep.last_name}",
        "numberOfVideos": int(held),
        "numberOfPhotos": seconds // 120,
        "numberOfViewers": int(held),
        "sessionCount": int(held),
        "totalTimeSeconds": seconds + 0.456 if held else 0,
        "totalTime": str(timedelta(seconds=seconds)).zfill(8),
        "createdDate": iso_z(video.invited_at),
        "liveCallFirstSession": iso_z(ended - timedelta(seconds=seconds)) if ended else None,
        "liveCallLastSession": iso_z(ended) if ended else None,
        "companyId": _COMPANY_ID,
        "companyName": project.company,
        "guid": video.guid,
    }


def _customer(project: Project) -> dict[str, Any]:
    holder = project.holder
    emails = [{"emailAddress": holder.email, "primary": project.holder_email_primary}]
    return {
        "firstName": holder.first_name,
        "lastName": holder.last_name,
        "customBusinessName": None,
        "businessLineType": "RESIDENTIAL",
        "emails": emails if holder.email else [],
        "phones": [{"phoneNumber": holder.phone, "phoneCountryCode": 1}],
    }


def _link(link: Link, task: Task) -> dict[str, Any]:
    return {
        "firstName": link.person.first_name,
        "lastName": link.person.last_name,
        "email": link.person.email,
        "phoneCountryCode": 1,
        "phone": link.person.phone,
        "customTaskAssignmentId": task.assignment_id,
        "linkId": link.link_id,
        "projectId": task.project_id,
        "notificationAccessMethod": link.access_method,
        "countryId": 1,
        "stateId": None,
        "linkCode": link.code,
        "url": f"{SITE}/external/task/{link.link_id}/{link.code}",
    }


def _state(done: Completion | None) -> dict[str, Any]:
    return {
        "status": "COMPLETED" if done else "ASSIGNED",
        "dateCompleted": iso(done.at) if done else None,
        "formResponseId": done.response_id if done else None,
        "pdfProjectMediaId": done.pdf_media_id if done else None,
        "fraudLanguageAcceptedDate": iso(done.at - timedelta(minutes=2)) if done else None,
    }


def _response(done: Completion) -> Any:
    """Return the filled-in form; other templates' forms have no questions of interest."""
    if done.answers is None:
        return {"groups": []}
    return cabinet_form().response(done.answers, done.photo_ids)
