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


PAGES_ALLOWED = (
    # In the sense of an alphabet.
    "letters of any script",
    "reduced to letters",
    # What the hooks and the log call it.
    "`letter`",
    # An incident of an earlier system.
    "takes the help away",
    # The owner of this page is another.
)
_PAGES_ALLOWED = re.compile("|".join(map(re.escape, PAGES_ALLOWED)), re.IGNORECASE)
DOCS = SRC.parent / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), SRC.parent / "README.md", SRC.parent / "SECURITY.md"]


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a page, each as one line, without what is code."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.DOTALL | re.MULTILINE)
    return [" ".join(part.split()) for part in re.split(r"\n\s*\n|\n(?=\|)", prose)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(SRC.parent)))
def test_a_page_uses_the_words_of_the_field(page):
    found = [
        f"{', '.join(words)}: {part[:200]}"
        for part in paragraphs(page.read_text(encoding="utf-8"))
        if (words := dialect(_PAGES_ALLOWED.sub("", part)))
    ]
    assert not found, "CONTRIBUTING.md lists the words to use instead"


def test_every_phrase_allowed_in_pages_is_in_use():
    text = "\n".join(" ".join(page.read_text(encoding="utf-8").split()) for page in PAGES)
    assert [each for each in PAGES_ALLOWED if each.casefold() not in text.casefold()] == []
