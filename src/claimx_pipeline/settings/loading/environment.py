"""Environment variables and the command line as layers over the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.former import FormerVariable, advice_on
from claimx_pipeline.settings.loading.nodes import Block, Scalar, ValueOrigin, put
from claimx_pipeline.settings.loading.paths import parse_path
from claimx_pipeline.settings.loading.unresolved import Missing

KAFKA_SERVERS = "KAFKA_BOOTSTRAP_SERVERS"

PREFIX = "CLAIMX_"
"""Prefix of our own variables; one that no setting reads is a mistake."""

_ALIKE = 0.8
"""Of 1: all variables begin alike, so that a name of another kind is near to any."""

_SERVERS = re.compile(r"[^\s,:/@]+:[0-9]{1,5}(?:,[^\s,:/@]+:[0-9]{1,5})*")


def lay_environment(
    root: Block,
    tables: Iterable[Mapping[str, str]],
    environ: Mapping[str, str],
    problems: list[Problem],
) -> Block:
    """Return *root* with what the environment sets laid over it.

    An empty variable is a mistake, and reported when its setting is used: it neither
    sets the setting nor leaves it at a value that the user did not choose.

    Args:
        root: What the files say.
        tables: Tables of variable name to dotted path.
        environ: The environment.
        problems: Gets what is wrong.
    """
    for path, variables in _by_path(tables).items():
        present = [name for name in variables if name in environ]
        filled = [name for name in present if environ[name]]
        if len({environ[name] for name in filled}) > 1:
            names = " and ".join(filled)
            problems.append(
                Problem("environment", f"{names} both set {path}, to different values; unset one")
            )
        elif filled:
            root = _lay(root, path, _leaf(filled[0], environ[filled[0]], problems), problems)
        elif present:
            gap = (Missing(present[0], "is set but empty"),)
            root = _lay(root, path, Scalar(None, _origin(present[0]), missing=gap), problems)
    return root


def lay_overrides(root: Block, overrides: Mapping[str, str], problems: list[Problem]) -> Block:
    """Return *root* with the settings of the command line laid over it."""
    for path, text in overrides.items():
        leaf = Scalar(text, ValueOrigin.named("command line"), text=True)
        root = _lay(root, path, leaf, problems)
    return root


def unread_variables(
    environ: Iterable[str],
    tables: Iterable[Mapping[str, str]],
    referred: Iterable[str],
    former: Iterable[FormerVariable] = (),
) -> Iterator[Problem]:
    """Yield a warning for each variable that looks like ours and that nothing reads.

    One of a former system is shown with what it has become.
    """
    variables = list(former)
    known = {name for table in tables for name in table}
    for name in sorted(set(environ) - known - set(referred)):
        if advice := advice_on(name, variables):
            what = f"no setting reads this variable of the former system; {advice}"
            yield Problem(f"environment {name}", what)
        elif name.startswith(PREFIX):
            close = get_close_matches(name, known, 1, cutoff=_ALIKE)
            named = f"name it in claimx.yaml as the value of a setting, ${{{name}}}"
            hint = f"did you mean {close[0]}?" if close else named
            yield Problem(f"environment {name}", f"no setting reads this variable; {hint}")


def _by_path(tables: Iterable[Mapping[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for table in tables:
        for name, path in table.items():
            names = found.setdefault(path, [])
            if name not in names:
                names.append(name)
    return found


def _leaf(name: str, value: str, problems: list[Problem]) -> Scalar:
    if name == KAFKA_SERVERS and "${" not in value:
        servers = re.sub(r"\s*,\s*", ",", value.strip())
        if not _SERVERS.fullmatch(servers):
            problems.append(Problem(f"environment {name}", "must be host:port[,host:port]"))
        value = f"kafka://{servers}"
    return Scalar(value, _origin(name), text=True, variables=(name,))


def _lay(root: Block, path: str, leaf: Scalar, problems: list[Problem]) -> Block:
    try:
        return put(root, parse_path(path), leaf)
    except ValueError as error:
        problems.append(Problem(f"{leaf.origin.where}: {path}", f"cannot be set: {error}"))
    return root


def _origin(name: str) -> ValueOrigin:
    return ValueOrigin.named(f"environment {name}")
