"""Which known name a misspelled one is near to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

_SHORT, _LONG = 3, 6
_SEPARATORS = re.compile(r"[-_.\s]+")
_DIGITS = re.compile(r"[0-9]+")


def meant(name: str, known: Iterable[str]) -> str:
    """Return ``did you mean 'other'? `` to begin a hint with; empty if nothing is near."""
    near = nearest(name, known)
    return f"did you mean {near!r}? " if near else ""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the one of *known* that *name* is a misspelling of, None if it is none.

    Near is what differs in separators and capitals only, or in two characters at most (one in a
    short name); a swapped pair counts as one. Names that differ in a number are two names.
    """
    plain = _plain(name)
    best: tuple[int, str] | None = None
    for other in sorted(known):
        theirs = _plain(other)
        if plain != theirs and _DIGITS.sub("", plain) == _DIGITS.sub("", theirs):
            continue
        allowed = 0 if len(plain) < _SHORT else 1 if len(plain) < _LONG else 2
        if abs(len(plain) - len(theirs)) > allowed:
            continue
        far = _distance(plain, theirs)
        if far <= allowed and (best is None or far < best[0]):
            best = far, other
    return best[1] if best else None


def _plain(name: str) -> str:
    return _SEPARATORS.sub("_", name.strip().casefold())


def _distance(one: str, other: str) -> int:
    """Return how many characters are to be added, removed, replaced or swapped with the next."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for number, character in enumerate(one, 1):
        following = [number]
        for index, (left, up) in enumerate(pairwise(row)):
            cost = min(left + (character != other[index]), up + 1, following[index] + 1)
            swapped = (
                before
                and index
                and character == other[index - 1]
                and one[number - 2] == other[index]
            )
            following.append(min(cost, before[index - 1] + 1) if swapped else cost)
        before, row = row, following
    return row[-1]
