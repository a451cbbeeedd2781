"""The questions of the cabinet form, kept as data in ``question_map.json``.

A control id does not identify a question: the form's author copied whole sections, so
one id is in four of them. What identifies it is the group's name together with the
question's text, compared without regard to case, spaces, dashes and punctuation.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from importlib import resources
from typing import Final, Literal

import msgspec
from attrs import frozen

Kind = Literal["yes_no", "number", "count", "choice", "damage", "text", "photos"]
"""How an answer is read; ``values.py`` has one function for each."""

Section = Literal["lower", "upper", "full_height", "island"]

EXACT: Final = 0
"""Rank of a match by group and text."""
ALIAS: Final = 1
"""Rank of a match by a text that another version of the form uses."""
CONTROL: Final = 2
"""Rank of a match by control id; photo questions of the older form only."""

_NOT_A_WORD = re.compile(r"[\W_]+")


@frozen
class Question:
    """One question the form asks, and where its answer goes."""

    group: str
    """Empty for a question that is known by its text in whatever group."""
    question: str
    kind: Kind
    column: str | None
    """Column of ``claimx_itel_forms``; None for photos and for what has no column."""
    photos: str | None
    """``question_key`` of its rows in ``claimx_itel_attachments``."""
    topic: str
    """Heading it is under in the readable report."""
    section: Section | None
    """Kind of cabinet it asks about, if the form asks it only when that kind is damaged."""
    expected: bool
    """Whether its absence is worth telling: neither optional nor hidden by another answer."""
    aliases: tuple[str, ...]
    """Texts by which other versions of the form ask it, in whatever group."""
    control_ids: tuple[str, ...]
    """Control ids that identify it in older forms."""
    rewordings: tuple[str, ...] = ()
    """Texts by which other versions of the form ask it, in the same group only."""

    @property
    def target(self) -> str:
        """Name of what it fills; no two questions have the same."""
        return self.column or self.photos or self.question


class QuestionMap:
    """Finds the question that was meant."""

    def __init__(self, questions: Iterable[Question]) -> None:
        self.questions = tuple(questions)
        self._exact = {(q.group, q.question): q for q in self.questions}
        self._normal = {(normal(q.group), normal(q.question)): q for q in self.questions}
        self._reworded = {
            (normal(q.group), normal(text)): q for q in self.questions for text in q.rewordings
        }
        self._aliases = {normal(text): q for q in self.questions for text in q.aliases}
        self._controls = {control: q for q in self.questions for control in q.control_ids}

    @classmethod
    def shipped(cls) -> QuestionMap:
        """Return the map that comes with this package."""
        content = resources.files(__package__).joinpath("question_map.json").read_bytes()
        return cls(msgspec.json.decode(content, type=list[Question]))

    def find(
        self, group: str, text: str, control_id: str | None, *, image: bool
    ) -> tuple[Question | None, int]:
        """Return the question meant, and how surely: ``EXACT``, ``ALIAS`` or ``CONTROL``.

        Args:
            group: Name of the group it was asked in, without outer spaces.
            text: The question's text, without outer spaces.
            control_id: Id of the form control.
            image: Whether the answer holds photos; only then may a control id decide.
        """
        found = self._exact.get((group, text))
        if found:
            return found, EXACT
        words = normal(text)
        found = self._normal.get((normal(group), words))
        if found:
            return found, EXACT
        found = self._reworded.get((normal(group), words)) or self._aliases.get(words)
        if found:
            return found, ALIAS
        return (self._controls.get(control_id or "") if image else None), CONTROL


def normal(text: str) -> str:
    """Return *text* as it is compared: lower-case words with single spaces between."""
    return _NOT_A_WORD.sub(" ", unicodedata.normalize("NFKC", text)).strip().casefold()


_TOPICS: Final[Mapping[str, str]] = {
    "island": "Island Cabinets",
    "lower": "Lower Cabinets",
    "upper": "Upper Cabinets",
    "full height": "Full Height / Pantry",
    "pantry": "Full Height / Pantry",
    "countertop": "Countertops",
}
"""First word found wins, in this order."""


def topic_of(group: str, text: str) -> str:
    """Return the heading for a question that the map does not know."""
    where = f"{group} {text}".lower()
    return next((topic for word, topic in _TOPICS.items() if word in where), "General")


QUESTIONS: Final = QuestionMap.shipped()
