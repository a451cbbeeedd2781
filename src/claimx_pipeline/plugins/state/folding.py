"""Changes become values: the plugin's own function is called once for each, in order."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from attrs import frozen

from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.isolation import as_failure

ChangeState = Callable[[str, Any, Any], Any]
"""The plugin's ``change_state(key, value, change)``."""


@frozen
class Step:
    """One change that is to become part of a value."""

    key: str
    change: Any
    before: bytes | None
    """The value before the first step of the key, as JSON; None if it has none."""


@frozen(kw_only=True)
class StateLimits:
    """How much one plugin may remember."""

    plugin: str
    value_bytes: int
    """Of one value, as JSON."""
    keys: int
    """Of all of its keys that may still be added."""

    def check(self, key: str, value: bytes, *, added: int) -> None:
        """See that *value* may be kept.

        Raises:
            RecordError: It is too large, or there are too many.
        """
        if len(value) > self.value_bytes:
            raise RecordError(
                f"plugin {self.plugin!r} would remember {len(value)} bytes under {key[:60]!r}, and "
                f"plugins.{self.plugin}.state_value_bytes is {self.value_bytes}; remember less"
            )
        if added > self.keys:
            raise RecordError(
                f"plugin {self.plugin!r} remembers as many keys as plugins.{self.plugin}"
                f".state_keys allows; raise it, or let change_state return None for old ones"
            )


def fold(
    change_state: ChangeState, steps: Sequence[Step], limits: StateLimits
) -> list[bytes | Exception | None]:
    """Return the value after each of *steps*, or why it is not part of any value."""
    values: dict[str, bytes | None] = {}
    added: set[str] = set()
    results: list[bytes | Exception | None] = []
    for step in steps:
        before = values.get(step.key, step.before)
        try:
            after = _changed(change_state, step, before)
            if after is not None:
                new = added | {step.key} if before is None else added
                limits.check(step.key, after, added=len(new))
                added = new
        except BaseException as error:  # noqa: BLE001 - a plugin's code; the failure of this change alone
            results.append(as_failure(error, awaited=False))
            continue
        values[step.key] = after
        results.append(after)
    return results


def _changed(change_state: ChangeState, step: Step, before: bytes | None) -> bytes | None:
    value = None if before is None else msgspec.json.decode(before)
    after = change_state(step.key, value, step.change)
    if inspect.iscoroutine(after):
        after.close()
        raise RecordError("change_state must not be async: it only computes", Category.PERMANENT)
    return None if after is None else msgspec.json.encode(after)
