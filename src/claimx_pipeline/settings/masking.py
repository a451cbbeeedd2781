"""What is never printed: credentials in ordinary settings."""

from __future__ import annotations

import re
from collections.abc import Iterable

MASK = "********"

_CREDENTIAL_NAME = re.compile(
    r"authori[sz]ation|token|secret|passw|api[-_]?key|access[-_]?key|account[-_]?key"
    r"|signature|credential|connection[-_]?string|cookie",
    re.IGNORECASE,
)
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+:[^/@\s]*(?=@)")
_SIGNED = re.compile(
    r"(?<=[?&;])((?:sig|signature|token|access_token|api_?key|key|x-amz-[a-z-]+)=)[^&;\s]+",
    re.IGNORECASE,
)


def names_credential(names: Iterable[str | int]) -> bool:
    """Tell whether one of *names*, keys or variables, sounds like a credential's."""
    return any(isinstance(name, str) and _CREDENTIAL_NAME.search(name) for name in names)


def masked_repr(value: object) -> str:
    """Return the ``repr`` of *value*, as ``masked`` if it is a text."""
    return repr(masked(value)) if isinstance(value, str) else repr(value)


def masked(text: str) -> str:
    """Return *text* without the credentials that a URL in it carries."""
    return _SIGNED.sub(rf"\1{MASK}", _USER_INFO.sub(MASK, text))
