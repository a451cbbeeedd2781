"""``docs/reference/error-sentences.md``, made from where the code raises.

``python -m tests.pages.errors`` writes it again. What a sentence does not say to do itself is in
``remedies.txt`` beside this file: sentences, and below them, indented, what to do.
"""

from __future__ import annotations

from itertools import groupby
from pathlib import Path

from tests.pages.raised import Sentence, sentences
from tests.pages.titled import anchors, titled

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "error-sentences.md"
COMMAND = "python -m tests.pages.errors"
REMEDIES = Path(__file__).with_name("remedies.txt")

HEAD = """\
# Error sentences

Every sentence with which the pipeline refuses something, and what to do. This page is made from
the code by `{command}`; a test fails when it is out of date, and when a sentence has no remedy.
Words in capitals are filled in. Where they come from the sentence of another library, such as
`ERROR`, its words follow. What newcomers meet first is on [Errors](errors.md).

To search for one, type its words and leave out your own names and numbers: the search wants every
word that is typed.

A command prints the sentence behind `claimx-run:` and ends with 2 when the command line or the
settings are wrong (`UsageError`, `SettingsError`, `PluginLoadError`, and each `Problem` of the
settings), with 1 for any other. A worker puts what is wrong with one record (`RecordError`,
`DecodeError`, …) into its dead letter and goes on; `claimx-run dlq list` shows it.
"""

ROOMS = {
    "assembly": "Folder of plugins",
    "broker": "Broker",
    "claimx": "Events, and the ClaimX API",
    "cli": "Command line",
    "connections": "HTTP connections",
    "console": "Console",
    "delta": "Tables and queries",
    "domain": "Domains and their messages",
    "errors": "Anywhere",
    "hooks": "What plugins may do",
    "itel_cabinet_plugin": "The iTel cabinet plugin",
    "media": "Files",
    "name_checks": "Names in settings",
    "operations": "What commands and the library do",
    "plugins": "Plugins",
    "runtime": "Workers, dead letters and offsets",
    "serving": "Ports",
    "settings": "Settings",
    "sources": "Sources",
    "stages": "Stages",
    "telemetry": "Health, metrics and traces",
    "testing": "Test kit",
    "times": "Points in time",
    "topics": "Topics",
    "trial": "Building a worker",
    "workers": "Workers",
}
"""Headings by the folder or module that raises."""


def remedies() -> dict[str, str]:
    """Return what to do, by sentence."""
    found: dict[str, str] = {}
    waiting: list[str] = []
    for line in REMEDIES.read_text(encoding="utf-8").splitlines():
        if line.startswith("    "):
            found |= dict.fromkeys(waiting, line.strip())
            waiting = []
        else:
            waiting.append(line)
    return found


def page() -> str:
    """Return the page."""
    known, parts = remedies(), [HEAD.format(command=COMMAND)]
    ordered = sorted(sentences(), key=lambda each: (_heading(each), each))
    named = dict(zip(ordered, anchors(each.wrong for each in ordered), strict=True))
    for heading, found in groupby(ordered, _heading):
        parts.append(f"## {heading}\n\n| Sentence, and what to do | Raised as |\n|---|---|")
        parts += [_row(each, named[each], known) for each in found]
        parts.append("")
    return "\n".join(parts)


def _heading(sentence: Sentence) -> str:
    room = sentence.room
    return ROOMS.get(room, room.replace("_", " ").capitalize())


def _row(sentence: Sentence, anchor: str, known: dict[str, str]) -> str:
    advice = sentence.remedy
    if advice and sentence.wrong.endswith(advice):
        remedy = ""
    else:
        remedy = _code(advice) if advice else known.get(sentence.text, "")
    return f"| {titled(_code(sentence.wrong), anchor, remedy)} | `{sentence.kind}` |"


def _code(text: str) -> str:
    """Return *text* as code of a table; what it quotes as code itself stays readable."""
    return f"`{text.replace('|', chr(92) + '|').replace('`', chr(39))}`"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
