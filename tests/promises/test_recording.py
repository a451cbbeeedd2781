"""The terminal in the README shows a real run, with commands that there are."""

import html
import re

import pytest

from tests.pages import recording
from tests.promises.test_code_blocks import product_commands, unknown_in


def kept() -> str:
    return recording.PICTURE.read_text(encoding="utf-8")


def shown(svg: str) -> str:
    """Return the text of a picture, line by line, but for how long something took."""
    lines: dict[float, str] = {}
    for y, text in re.findall(r'<text class="[^"]*" x="[^"]*" y="([^"]*)"[^>]*>([^<]*)<', svg):
        lines[float(y)] = lines.get(float(y), "") + html.unescape(text).replace("\xa0", " ")
    return re.sub(r"in [\d.]+ s", "in … s", "\n".join(lines[y] for y in sorted(lines)))


def test_the_picture_asks_no_other_host():
    assert re.findall(r"(?:src|href|url)[=(]\W*https?:", kept()) == []


@pytest.mark.plugin
def test_every_command_in_the_picture_exists():
    commands = [
        words
        for line in shown(kept()).splitlines()
        if "claimx-run -" in line
        for words in product_commands(line)
    ]
    assert len(commands) == 4
    assert [unknown_in(words) for words in commands] == [None] * 4


@pytest.mark.plugin
def test_the_picture_shows_what_the_demo_shows():
    drawn = recording.drawn(recording.shortened(recording.run()))
    assert shown(drawn) == shown(kept()), f"run {recording.COMMAND}"
    assert "It works: 200 events in … s, 0 dead letters." in shown(drawn)


def test_a_line_that_was_written_over_shows_its_last_state():
    assert recording.on_screen("a\n\r\x1b[K1 record\r\x1b[Kdone\n") == "a\ndone"
