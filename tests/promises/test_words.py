"""What is installed uses the field's words; CONTRIBUTING.md lists them."""

import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
ENDINGS = {".py", ".pyi", ".md", ".sql", ".txt", ".yaml"}
FILES = sorted(file for file in SRC.rglob("*") if file.suffix in ENDINGS)

WORDS = re.compile(
    r"\b(told|places?|stands|anew|letters?|whoever|nobody|somebody|is no"
    r"|given up|give up|let go|died of|away|gone)\b",
    re.IGNORECASE,
)

ALLOWED = (
    "there is no",
    "is no longer",
    "answer is no.",
    "dead letter",
    "dead-letter",
    "in place",
    "took place",
    "taken place",
    # What is in an alphabet.
    "ASCII letters",
    "letters A to Z",
    "lower case letters",
    "with letters, digits",
    "in a letter and",
    # Names that users meet, in JSON and in Python.
    '"place"',
    "['place']",
    '"letter"',
    ".letter",
    "letter: FoundDeadLetter",
    "letter: str",
    "letter=location",
)
_ALLOWED = re.compile("|".join(rf"{re.escape(each)}s?" for each in ALLOWED), re.IGNORECASE)


def dialect(line: str) -> list[str]:
    """Return the listed words in *line*, without those of the phrases that are allowed."""
    return WORDS.findall(_ALLOWED.sub("", line))


def test_the_sources_use_the_words_of_the_field():
    found = [
        f"{file.relative_to(SRC)}:{number}: {', '.join(words)}"
        for file in FILES
        for number, line in enumerate(file.read_text().splitlines(), 1)
        if (words := dialect(line))
    ]
    assert not found, "CONTRIBUTING.md lists the words to use instead"


def test_every_allowed_phrase_is_in_use():
    text = "\n".join(file.read_text() for file in FILES).casefold()
    assert [each for each in ALLOWED if each.casefold() not in text] == []


@pytest.mark.parametrize(
    "line", ["what is told", "It is no time", "every Letter", "nobody reads it", "the API is away"]
)
def test_a_listed_word_is_found(line):
    assert dialect(line)
