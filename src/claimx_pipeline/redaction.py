"""Removes from a text what must not be seen: signed links and credentials."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from urllib.parse import quote

from attrs import field, frozen

SHORTEST_SECRET = 4
"""Characters; a shorter one would be found everywhere."""

SURE_SECRET = 8
"""Characters of a secret that no other text has by chance."""

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
_SECRET_WORD = re.compile(
    r"(?i)token|secret|passw|pwd|passphrase|key|authori|sig|credential|cookie"
)
"""Is in every name that ``_SECRET_FIELD`` finds."""
_SCHEME = re.compile(r"(?i)\b(basic|bearer)\s+[\w+/=.~-]{6,}")

_SIGNATURE = re.compile(
    r"(?i)(?<=[?&;])((?:sig|signature|[a-z_-]*token|api_?key|key|x-amz-[a-z-]+)=)[^&;\s\"'<>\\]+"
)


def redacted(text: str) -> str:
    """Return *text* without query strings of links and without values of secret fields."""
    # Most texts are short and have none of it, and a search of all of them takes its time.
    if "://" in text:
        text = _QUERY.sub(r"\1?…", text)
        text = _USER_INFO.sub(r"\1…@", text)
    if (":" in text or "=" in text) and _SECRET_WORD.search(text):
        text = _SECRET_FIELD.sub(r"\1…", text)
    lowered = text.lower()
    return _SCHEME.sub(r"\1 …", text) if "bearer" in lowered or "basic" in lowered else text


@frozen
class Redactor:
    """Removes what looks like a credential, and the credentials that are known, by their value."""

    secrets: frozenset[str] = field(default=frozenset(), repr=False)
    """The known ones; those of fewer than four characters are not looked for."""
    _known: re.Pattern[str] | None = field(init=False, repr=False, eq=False)

    @_known.default
    def _pattern(self) -> re.Pattern[str] | None:
        forms = {form for secret in self.secrets for form in _forms_of(secret)}
        if not forms:
            return None
        # The longest first: one may be the beginning of another.
        ordered = sorted(forms, key=lambda form: (-len(form), form))
        return re.compile("|".join(map(_whole, ordered)))

    def text(self, text: str) -> str:
        """Return *text* without them."""
        return redacted(self.known(text))

    def known(self, text: str) -> str:
        """Return *text* without the known ones and signatures of links; JSON stays JSON."""
        text = text if self._known is None else self._known.sub("…", text)
        return _SIGNATURE.sub(r"\1…", text)


def _forms_of(secret: str) -> Iterator[str]:
    """Yield *secret* as it may be written: in a URL, JSON, ``repr``, basic authentication."""
    if len(secret) < SHORTEST_SECRET:
        return
    yield secret
    yield quote(secret, safe="")
    yield json.dumps(secret)[1:-1]
    yield repr(secret)[1:-1]
    coded = base64.b64encode(secret.encode("utf-8", "replace")).decode().rstrip("=")
    if len(secret) >= SURE_SECRET:
        yield coded


def _whole(form: str) -> str:
    """Return the pattern of a secret; a short one is only looked for as a whole word."""
    pattern = re.escape(form)
    return pattern if len(form) >= SURE_SECRET else rf"(?<!\w){pattern}(?!\w)"


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
