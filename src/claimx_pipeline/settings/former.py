"""Variables of a former system: what each has become, and a settings file made from them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from attrs import field, frozen

from claimx_pipeline.settings.loading.paths import parse_path
from claimx_pipeline.settings.nearest import nearest

_NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?", re.ASCII)


@frozen(kw_only=True)
class FormerVariable:
    """A variable of the former system."""

    name: str
    """As it was called; ``*`` means anything."""
    setting: str = ""
    """Dotted path of the setting that it has become; empty if there is none."""
    why: str = ""
    """What is there instead, or what else to know; one phrase."""
    secret: bool = False
    """A settings file names the variable instead of holding its value."""
    lead: str = ""
    """Put in front of the value."""
    number: bool = False
    """The value is a number, or a list of them."""
    listed: bool = False
    """The value is a list, with commas between."""
    implies: Mapping[str, str] = field(factory=dict)
    """Other settings that hold if it is given, by their dotted paths."""

    def matches(self, name: str) -> bool:
        """Return whether *name* is this variable."""
        return fnmatchcase(name, self.name)

    @property
    def advice(self) -> str:
        """What to do instead of setting it."""
        if not self.setting:
            return self.why
        return f"set {self.setting}" + (f" ({self.why})" if self.why else "")


@frozen(kw_only=True)
class FoundVariable:
    """A variable of an environment that looks like one of the former system."""

    name: str
    """Its name."""
    setting: str
    """What it has become; empty if nothing."""
    note: str
    """What to know about it."""
    understood: bool
    """False: the former system is not known to have read it."""


@frozen(kw_only=True)
class FormerSettings:
    """Settings made from the environment of the former system."""

    text: str
    """A settings file, YAML."""
    found: tuple[FoundVariable, ...]
    """Each variable that was found."""


def advice_on(name: str, known: Iterable[FormerVariable]) -> str:
    """Return what to do instead of setting the variable *name*; empty if it is not known."""
    return next((each.advice for each in known if each.matches(name)), "")


def settings_of(
    environ: Mapping[str, str],
    known: Iterable[FormerVariable],
    still_read: Mapping[str, str],
    prefixes: Iterable[str],
) -> FormerSettings:
    """Return settings that say what *environ* said to the former system.

    Args:
        environ: The environment; values of secrets are not looked at.
        known: The variables that the former system read.
        still_read: Variables that are read as before, with the setting of each.
        prefixes: Beginnings of names that are the former system's, known or not.
    """
    variables = list(known)
    tree: dict[str, Any] = {}
    found = []
    for name in sorted(environ):
        if not environ[name].strip():
            continue
        if name in still_read:
            note = "is read from the environment as before"
            found.append(
                FoundVariable(name=name, setting=still_read[name], note=note, understood=True)
            )
            continue
        former = next((each for each in variables if each.matches(name)), None)
        if former is None:
            if name.startswith(tuple(prefixes)):
                found.append(_unknown(name, variables))
            continue
        found.append(
            FoundVariable(name=name, setting=former.setting, note=former.why, understood=True)
        )
        if former.setting:
            _put(tree, former.setting, _value(name, environ[name].strip(), former))
            for path, value in former.implies.items():
                _put(tree, path, value)
    return FormerSettings(text=_text(tree, found), found=tuple(found))


def _unknown(name: str, known: Iterable[FormerVariable]) -> FoundVariable:
    close = nearest(name, [each.name for each in known])
    note = "the former system is not known to have read it"
    if close:
        note += f"; it read {close}: {advice_on(close, known)}"
    return FoundVariable(name=name, setting="", note=note, understood=False)


def _value(name: str, value: str, former: FormerVariable) -> Any:
    if former.secret:
        return f"{former.lead}${{{name}}}"
    # A dollar sign of the value is not a reference.
    plain = value.replace("$", "$$")
    if former.listed:
        return [_typed(each.strip(), former) for each in plain.split(",") if each.strip()]
    return _typed(f"{former.lead}{plain}", former)


def _typed(text: str, former: FormerVariable) -> Any:
    """Return *text* as a number if it should be one and is; the check of the file says else."""
    if not (former.number and _NUMBER.fullmatch(text)):
        return text
    return float(text) if "." in text else int(text)


def _put(tree: dict[str, Any], path: str, value: Any) -> None:
    *parts, last = parse_path(path)
    for part in parts:
        tree = tree.setdefault(str(part), {})
    tree.setdefault(str(last), value)


def _text(tree: Mapping[str, Any], found: Iterable[FoundVariable]) -> str:
    import yaml  # noqa: PLC0415 - only needed to write

    lines = [
        "# Settings made from the environment of the predecessor by 'claimx-run init --from-env'.",
        "# Every setting, with its default: 'claimx-run init' in another folder.",
        *_comments(found),
        "",
    ]
    body = yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True) if tree else ""
    return "\n".join(lines) + body


def _comments(found: Iterable[FoundVariable]) -> Iterator[str]:
    for each in found:
        becomes = f"is now {each.setting}" if each.setting else ""
        said = "; ".join(filter(None, [becomes, each.note]))
        yield f"# {each.name}: {said}"
