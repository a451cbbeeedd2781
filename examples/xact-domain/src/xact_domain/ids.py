"""Ids that are the same whenever the same thing is met again."""

from functools import lru_cache
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit
from uuid import NAMESPACE_URL, UUID, uuid5

_SIGNATURE = frozenset(
    {
        # S3, version 2, and CloudFront
        *("awsaccesskeyid", "signature", "expires", "key-pair-id", "policy"),
        # shared access signatures of Azure
        *("sv", "ss", "srt", "sp", "st", "se", "sr", "spr", "sig", "sip"),
        *("skoid", "sktid", "skt", "ske", "sks", "skv"),
    }
)
_SIGNATURE_PREFIXES = ("x-amz-", "x-goog-")


@lru_cache(maxsize=8)
def namespace(url: str) -> UUID:
    """Return the namespace that *url* names."""
    return uuid5(NAMESPACE_URL, url)


def event_id(trace_id: str, url: str) -> str:
    """Return the id of the event with *trace_id*; *url* is that of the namespace."""
    return str(uuid5(namespace(url), trace_id))


def media_id(trace_id: str, link: str, url: str) -> str:
    """Return the id of an attachment; *url* is that of the namespace.

    The signature of the link is not part of it: a file that is announced again with a new
    signature is the same file, and is not stored twice. All else of the link is.
    """
    return str(uuid5(namespace(url), f"{trace_id}:{without_signature(link)}"))


def without_signature(link: str) -> str:
    """Return *link* without the parameters that sign it, unchanged if it cannot be read."""
    try:
        parts = urlsplit(link)
        given = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return link.partition("?")[0]
    kept = [(name, value) for name, value in given if not _signs(name.lower())]
    return urlunsplit(parts._replace(query=urlencode(kept), fragment=""))


def _signs(name: str) -> bool:
    return name in _SIGNATURE or name.startswith(_SIGNATURE_PREFIXES)
