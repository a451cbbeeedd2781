"""Takes one answer out of the shapes in which ClaimX and its older forms wrap it.

``{"type": "option", "optionAnswer": {"name": "Yes", "lineItems": []}}``,
``{"type": "number", "numberAnswer": {"value": 7.5, "lineItems": []}}`` or a bare
number, ``{"type": "text", "text": "…"}`` or ``textAnswer``,
``{"type": "image", "claimMediaIds": [1, 2], "imageInfoDTOs": []}``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

_HOLDERS: Final[Mapping[str, str]] = {
    "optionAnswer": "option",
    "numberAnswer": "number",
    "text": "text",
    "textAnswer": "text",
    "claimMediaIds": "image",
}
"""Field that holds an answer, and the type of answer it holds."""

_INNER: Final[Mapping[str, str]] = {"optionAnswer": "name", "numberAnswer": "value"}
"""Field of the answer inside the object that an option or a number comes as."""


class Answer(NamedTuple):
    """What was answered."""

    type: str
    """``option``, ``number``, ``text``, ``image``, or whatever the form says."""
    value: Any
    """The bare answer; None if there is none."""
    raw: Any
    """What to keep so that nothing is lost: ``value``, or all of it if there is more."""

    @property
    def image(self) -> bool:
        """Whether the answer holds photos."""
        return self.type == "image"


NO_ANSWER: Final = Answer("", None, None)


def read_answer(export: Any) -> Answer:
    """Return the answer in *export*, the ``responseAnswerExport`` of a question.

    Never raises: what cannot be understood is returned whole as ``value`` and ``raw``.
    """
    if export is None:
        return NO_ANSWER
    if not isinstance(export, dict):
        return Answer("", export, export)
    declared = export.get("type")
    declared = declared if isinstance(declared, str) else ""
    holders = [name for name in export if name in _HOLDERS and not is_nothing(export[name])]
    if not holders:
        rest = {name: value for name, value in export.items() if name != "type"}
        if all(map(is_nothing, rest.values())):
            return Answer(declared, None, None)
        return Answer(declared, dict(export), dict(export))
    holder = next((name for name in holders if _HOLDERS[name] == declared), holders[0])
    value, complete = _unwrapped(holder, export[holder])
    complete = complete and all(
        is_nothing(other) for name, other in export.items() if name not in ("type", holder)
    )
    return Answer(_HOLDERS[holder], value, value if complete else dict(export))


def _unwrapped(holder: str, held: Any) -> tuple[Any, bool]:
    """Return the bare answer and whether it is all that *held* says."""
    inner = _INNER.get(holder)
    if inner is None or not isinstance(held, dict) or inner not in held:
        return held, True
    return held[inner], all(is_nothing(value) for name, value in held.items() if name != inner)


def is_nothing(value: Any) -> bool:
    """Whether *value* says nothing: null or empty, but not 0 and not false."""
    return not value and not isinstance(value, int | float)
