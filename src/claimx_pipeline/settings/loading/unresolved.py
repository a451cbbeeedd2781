"""A setting whose variable has no value: it can be carried about, but never used."""

from __future__ import annotations

from typing import Any, NoReturn

from attrs import frozen

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.loading.paths import SettingPath, format_path


@frozen
class Missing:
    """A variable that has no value to put in."""

    variable: str
    reason: str
    """``is not set`` or ``is set but empty``."""


@frozen
class UnresolvedSetting:
    """A setting that waits for an environment variable."""

    location: SettingPath
    where: str
    """File and line, or the name of the variable that sets it."""
    missing: tuple[Missing, ...]

    @property
    def path(self) -> str:
        """The dotted path."""
        return format_path(self.location)

    @property
    def variables(self) -> tuple[str, ...]:
        """The variables without a value."""
        return tuple(missing.variable for missing in self.missing)

    @property
    def problem(self) -> Problem:
        """Say what is missing and what to do."""
        said = ", ".join(f"{missing.variable} {missing.reason}" for missing in self.missing)
        where = ": ".join(filter(None, (self.where, self.path)))
        return Problem(
            where, f"{said}; set it, or give the setting a value in the file", missing=True
        )


class Unresolved:
    """Replaces a setting whose value is missing.

    It is neither a string nor a number. Any use of it raises ``SettingsError``
    naming variable, path and line, so that a worker which uses a setting it did not
    ask for by ``require`` stops instead of writing to a location that was not chosen. ``repr`` and
    ``is None`` are harmless.
    """

    __slots__ = ("_setting",)

    def __init__(self, setting: UnresolvedSetting) -> None:
        self._setting = setting

    def __repr__(self) -> str:
        return f"<unresolved: {', '.join(self._setting.variables)}>"

    def __reduce__(self) -> tuple[type[Unresolved], tuple[UnresolvedSetting]]:
        return Unresolved, (self._setting,)

    def __getattr__(self, name: str) -> Any:
        # Probes for optional protocols (copy, pytest, rich) must get their usual answer.
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        self._refuse()

    def _refuse(self, *_: object) -> NoReturn:
        raise SettingsError([self._setting.problem])

    __str__ = __bytes__ = __fspath__ = __format__ = _refuse
    __bool__ = __int__ = __float__ = __index__ = __len__ = __iter__ = _refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = _refuse
    __contains__ = __getitem__ = __call__ = _refuse
    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __mod__ = _refuse
    __truediv__ = __rtruediv__ = __or__ = __ror__ = _refuse


def missing_of(value: Unresolved) -> tuple[Missing, ...]:
    """Return what *value* waits for."""
    return value._setting.missing  # noqa: SLF001 - any other access refuses
