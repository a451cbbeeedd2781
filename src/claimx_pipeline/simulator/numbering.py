"""How the ids of a project's things follow from the project's number, and back.

Because they do, an id is looked up without writing the whole world first.
"""

from __future__ import annotations

_FIRST_PROJECT = 700_100
_FIRST_MEDIA = 91_000_000
_FIRST_ASSIGNMENT = 7_000_000
_FIRST_LINK = 5_200_000
_FIRST_VIDEO = 900_000
_MEDIA_PER_PROJECT = 1_000
_TASKS_PER_PROJECT = 10
_VIDEOS_PER_PROJECT = 10
_LONGEST_NUMBER = 12
"""Digits of a claim number at most."""


def project_id(index: int) -> int:
    """Return the id of project *index*."""
    return _FIRST_PROJECT + index


def claim_number(index: int) -> str:
    """Return the claim number of project *index*."""
    return f"CLM-{index + 1:06d}"


def media_id(index: int, position: int) -> int:
    """Return the id of the file at *position* (from 0) of project *index*."""
    return _FIRST_MEDIA + index * _MEDIA_PER_PROJECT + position + 1


def assignment_id(index: int, position: int) -> int:
    """Return the id of the task at *position* (from 0) of project *index*."""
    return _FIRST_ASSIGNMENT + index * _TASKS_PER_PROJECT + position


def link_id(index: int, position: int) -> int:
    """Return the id of the external link of the task at *position* of project *index*."""
    return _FIRST_LINK + index * _TASKS_PER_PROJECT + position


def video_id(index: int, position: int) -> int:
    """Return the id of the video collaboration at *position* (from 0) of project *index*."""
    return _FIRST_VIDEO + index * _VIDEOS_PER_PROJECT + position


def index_of_project(number: int) -> int:
    """Return which project has this id; negative for an id of no project."""
    return number - _FIRST_PROJECT


def index_of_media(number: int) -> int:
    """Return which project a file belongs to; negative for an id of no file."""
    return (number - _FIRST_MEDIA - 1) // _MEDIA_PER_PROJECT


def index_of_assignment(number: int) -> int:
    """Return which project a task belongs to; negative for an id of no task."""
    return (number - _FIRST_ASSIGNMENT) // _TASKS_PER_PROJECT


def index_of_claim(number: str) -> int | None:
    """Return which project has this claim number, None for a number of no project."""
    digits = number.removeprefix("CLM-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > _LONGEST_NUMBER:
        return None
    index = int(digits) - 1
    return index if claim_number(index) == number else None
