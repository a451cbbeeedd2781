"""Says in one line why a store failed: obstore's own first line leaves the cause out."""

from __future__ import annotations

import re

_TOOK = re.compile(r" in \d+(?:\.\d+)?(?:ns|µs|ms|s)\b")
_TEXT = re.compile(r'^\s*(?:message: )?"((?:[^"\\]|\\.)+)",?$', re.MULTILINE)
_DETAIL = "\nDebug source:\n"
_LONGEST = 600
"""Characters of a cause that are shown."""


def cause_of(error: BaseException) -> str:
    """Return what *error* says, with the cause that only its details name.

    How long a request took is left out, so that the same failure has the same text.
    """
    said, _, detail = str(error).partition(_DETAIL)
    first = _TOOK.sub("", said.split("\n", 1)[0].strip()) or type(error).__name__
    # The innermost two: "tcp connect error", "Connection refused".
    causes = list(dict.fromkeys(_TEXT.findall(detail)))[-2:]
    return ": ".join([first, *(text for text in causes if text not in first)])[:_LONGEST]
