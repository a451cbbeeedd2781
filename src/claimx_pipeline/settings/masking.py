"""What is never printed: credentials in ordinary settings."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

MASK = "********"

_CREDENTIAL_WORDS = frozenset(
    {
        "authorization", "authorisation", "token", "secret", "secrets", "password", "passwd",
        "passphrase", "pwd", "apikey", "accesskey", "accountkey", "signature", "sig",
        "credential", "credentials", "cookie",
        # Written without a joint.
        "accesstoken", "refreshtoken", "idtoken", "authtoken", "apitoken", "sessiontoken",
        "clientsecret", "secretkey", "connectionstring", "subscriptionkey",
    }
)  # fmt: skip
"""A name whose last word is one of these is a credential's."""
_CREDENTIAL_PHRASES = frozenset(
    {
        ("api", "key"), ("access", "key"), ("account", "key"), ("secret", "key"),
        ("private", "key"), ("subscription", "key"), ("shared", "key"), ("sas", "key"),
        ("connection", "string"),
    }
)  # fmt: skip
"""So is one whose last two words are one of these."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_USER_INFO = re.compile(r"(?<=://)[^/@\s]+:[^/@\s]*(?=@)")
_SIGNED = re.compile(
    r"(?<=[?&;])((?:sig|signature|token|access_token|api_?key|key|x-amz-[a-z-]+)=)[^&;\s]+",
    re.IGNORECASE,
)


def names_credential(names: Iterable[str | int]) -> bool:
    """Tell whether one of *names*, keys or variables, is a credential's.

    By whole words at its end, however they are joined (``apiKey``, ``X-Api-Key``,
    ``VENDOR_API_KEY_2``): ``author``, ``design`` and ``token_url`` name no credential.
    """
    return any(isinstance(name, str) and _is_credential(name) for name in names)


@lru_cache(maxsize=1000)
def _is_credential(name: str) -> bool:
    words = [word.lower() for word in _WORD.findall(name[-200:])]
    while words and words[-1].isdigit():
        words.pop()
    if words[-3:] == ["access", "key", "id"]:
        return True
    return bool(words) and (
        words[-1] in _CREDENTIAL_WORDS or tuple(words[-2:]) in _CREDENTIAL_PHRASES
    )


def masked_repr(value: object) -> str:
    """Return the ``repr`` of *value*, as ``masked`` if it is a text."""
    return repr(masked(value)) if isinstance(value, str) else repr(value)


def masked(text: str) -> str:
    """Return *text* without the credentials that a URL in it carries."""
    return _SIGNED.sub(rf"\1{MASK}", _USER_INFO.sub(MASK, text))
