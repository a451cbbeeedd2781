"""Lets a message be made with the domain's own word for its key."""

from __future__ import annotations

from collections.abc import Mapping
from functools import wraps
from typing import Any, TypeVar

from attrs import fields

T = TypeVar("T")


def knows_domain_word(cls: type[T]) -> type[T]:
    """Return *cls*, an attrs class with ``key`` and ``key_name``, made with either word.

    ``DownloadTask(claim="7", …)`` is ``DownloadTask(key="7", key_name="claim", …)``, and
    ``evolve(task, claim="8")`` changes the key: what plugins wrote when there was one domain
    and one word goes on working.
    """
    made, names = cls.__init__, frozenset(each.name for each in fields(cls))  # type: ignore[arg-type]

    @wraps(made)
    def init(self: T, *args: Any, **given: Any) -> None:
        made(self, *args, **_with_key(given, names))

    cls.__init__ = init  # type: ignore[assignment,method-assign]
    return cls


def _with_key(given: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    """Return *given* with the key under ``key``; unchanged if no word can be meant."""
    words = given.keys() - names
    if len(words) != 1:
        return dict(given)
    [word] = words
    if "key" in given and given.get("key_name") != word:
        return dict(given)
    kept = {name: value for name, value in given.items() if name != word}
    return {**kept, "key": given[word], "key_name": word}
