"""Who handles the claim: a group of the form whose questions are known by their position.

The questions of this group have no texts that could be relied on; its id and their order have
not changed.
"""

from __future__ import annotations

from typing import Any, Final

from itel_cabinet_plugin.form.asked import Asked
from itel_cabinet_plugin.form.values import UnfitAnswerError, label, phone

GROUP_ID: Final = "group-309019430"
"""Id of the group."""

FIELDS: Final = ("first_name", "last_name", "vendor_name", "phone", "email")
"""Fields of ``Adjuster``, in the order in which the group asks for them."""


def field_of(asked: Asked) -> str | None:
    """Return the field that a question fills; None if it is not one of this group."""
    if asked.group_id != GROUP_ID or asked.position >= len(FIELDS):
        return None
    return FIELDS[asked.position]


def read_field(name: str, answer: Any) -> str | None:
    """Return what *answer* says for field *name*, without blanks around it.

    Raises:
        UnfitAnswerError: It is neither a text nor a number.
    """
    if answer is None:
        return None
    if isinstance(answer, bool) or not isinstance(answer, str | int | float):
        raise UnfitAnswerError("not a text")
    found = phone(answer) if name == "phone" else label(answer)
    return found and found.strip()
