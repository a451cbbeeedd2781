"""Finds credentials written into settings in plain text, instead of as ``${VAR}``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.nodes import FilledText

_SECRET_NAME = re.compile(
    r"(?i)(^|[-_.])(token|secret|passw(or)?d|authorization|api[-_]?key|credential|signature|sig)$"
)
_SECRET_IN_URL = re.compile(
    r"(?i)^\w+://([^/?#]*@|[^?]*\?(.*&)?(token|secret|key|api[-_]?key|sig|signature|code)=[^&])"
)


def literal_credentials(config: Any, where: str) -> Iterator[Problem]:
    """Yield a warning for each credential written out in a plugin's settings.

    Args:
        config: As it was read: a text that came from a variable marks itself.
        where: Dotted path of *config*.
    """
    if isinstance(config, Mapping):
        for name, value in config.items():
            here = f"{where}.{name}"
            if isinstance(value, str) and _is_literal(value) and _SECRET_NAME.search(str(name)):
                yield _warning(here)
            else:
                yield from literal_credentials(value, here)
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from literal_credentials(value, f"{where}[{index}]")
    elif isinstance(config, str) and _is_literal(config) and _SECRET_IN_URL.search(config):
        yield _warning(where)


def _is_literal(value: str) -> bool:
    return bool(value) and not isinstance(value, FilledText)


def _warning(where: str) -> Problem:
    name = re.sub(r"\W+", "_", where.rpartition(".")[2]).strip("_").upper() or "TOKEN"
    return Problem(
        where,
        f"a credential is written out here; put it into the environment and write ${{{name}}}",
    )
