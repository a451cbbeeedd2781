"""Removes from a text what must not be seen: signed links and credentials."""

from __future__ import annotations

import re

QUOTED_CHARACTERS = 300
"""Enough of an answer to understand a refusal, short enough for a header or a log line."""

# Each begins where a word begins: tried from every character of a long word, a search takes
# the square of its length.
_QUERY = re.compile(r"(?<!\w)(\w+://[^\s\"'<>?]*)\?[^\s\"'<>]*")
_USER_INFO = re.compile(r"(?<!\w)(\w+://)[^\s\"'<>/?@]*@")
# Whole words at the end of a name, however it is joined: "author" and "design" are shown.
_SECRET_FIELD = re.compile(
    r"""(?ix) (?<![\w-])
    (["']?
    (?:[\w-]*(?:[_-] | (?-i:(?<=[a-z0-9])(?=[A-Z]))))?
    (?:(?:access|refresh|id|auth|api|session)?token|(?:client)?secret|password|passwd|pwd|passphrase
      |(?:api|access|account|secret|private|subscription)[_-]?key|authori[sz]ation|signature|sig|sign
      |credentials?|(?:set-)?cookie)
    ["']?
    \s*[:=]\s*)
    (?:"(?:[^"\\]|\\.)*"? | '[^']*'? | (?:(?:basic|bearer)\s+)?[^\s,;&}\]<>"']+)
    """
)
_SCHEME = re.compile(r"(?i)\b(basic|bearer)\s+[\w+/=.~-]{6,}")


def redacted(text: str) -> str:
    """Return *text* without query strings of links and without values of secret fields."""
    text = _QUERY.sub(r"\1?…", text)
    text = _USER_INFO.sub(r"\1…@", text)
    text = _SECRET_FIELD.sub(r"\1…", text)
    return _SCHEME.sub(r"\1 …", text)


def endpoint_of(url: str) -> str:
    """Return scheme, host and path of *url*: without query, fragment and user."""
    return _USER_INFO.sub(r"\1", re.split("[?#]", url, maxsplit=1)[0])


def quoted(body: bytes, *, secrets: tuple[str, ...] = ()) -> str:
    """Return the beginning of an answer's body as one line that may be shown to people.

    Args:
        body: What the service answered, in any encoding.
        secrets: Values to remove wherever they occur: a service may echo a credential.
    """
    # Redacted before it is cut: half a secret would no longer be recognised.
    text = " ".join(redacted(body[: 16 * QUOTED_CHARACTERS].decode("utf-8", "replace")).split())
    for secret in secrets:
        text = text.replace(secret, "…")
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]}…"
