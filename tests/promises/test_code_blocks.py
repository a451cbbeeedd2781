"""Every fenced block of the documentation is what its language says, and names what exists.

That a page does what it says is tested by ``test_how_to.py`` and its like; this looks at every
block of every page, those included that only a machine with more than Python could run.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
import shlex
import textwrap
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlglot
import typer
from attrs import define

from claimx_pipeline import Pipeline
from claimx_pipeline.cli.main import app

pytestmark = pytest.mark.plugin

ROOT = Path(__file__).parents[2]
HIDDEN = (ROOT / "docs" / "build", ROOT / "docs" / ".cache")
PAGES = [
    ROOT / "README.md",
    *(
        page
        for page in sorted((ROOT / "docs").rglob("*.md"))
        if not any(page.is_relative_to(folder) for folder in HIDDEN)
    ),
]
FENCE = re.compile(r"( *)(`{3,})([^`]*)")
SIGNATURE = re.compile(r"(async )?(\w+\(.*\) -> [^\n]+)", re.DOTALL)
"""What the reference shows of a function."""
PART_OF_A_FILE = "  "
"""What a block of settings begins with that shows lines of a larger one, indented as there."""


@define(frozen=True)
class CodeBlock:
    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks_of(page: Path) -> Iterator[CodeBlock]:
    """Yield the fenced blocks of *page*."""
    lines = enumerate(page.read_text(encoding="utf-8").splitlines(), 1)
    for number, line in lines:
        if opening := FENCE.fullmatch(line):
            indent, marks, language = opening.groups()
            body = []
            for _, inner in lines:
                if inner.strip() == marks:
                    break
                body.append(inner.removeprefix(indent))
            yield CodeBlock(page, number, language.strip(), "\n".join(body))


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def no_check(block: CodeBlock, folder: Path) -> None:
    """Output and pictures in text; queries to Prometheus, which the tests of the alerts read."""


def python_compiles(block: CodeBlock, folder: Path) -> None:
    """The code compiles, and what it imports from the product is there."""
    tree = parsed(block)
    for node in ast.walk(tree):
        for module, name in imported(node):
            if module.partition(".")[0] in ("claimx_pipeline", "itel_cabinet_plugin"):
                found = importlib.import_module(module)
                assert name is None or hasattr(found, name), f"{module} has no {name}"


def parsed(block: CodeBlock) -> ast.AST:
    """Return the code of *block*; a signature that stands alone is that of a function.

    Raises:
        SyntaxError: It is neither.
    """
    text = textwrap.dedent(block.text)
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    if signature := SIGNATURE.fullmatch(text):
        text = f"{signature[1] or ''}def {signature[2]}: ..."
    return compile(text, str(block), "exec", flags=flags)


def imported(node: ast.AST) -> Iterator[tuple[str, str | None]]:
    """Yield what *node* imports, as module and name."""
    if isinstance(node, ast.Import):
        yield from ((alias.name, None) for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        yield from ((node.module or "", alias.name) for alias in node.names)


def settings_load(block: CodeBlock, folder: Path) -> None:
    """The settings are read as a start reads them, a plugin's folder as well."""
    text = block.text
    if text.startswith(PART_OF_A_FILE):
        return
    named = re.match(r"# (plugins/config/\w+/config\.yaml)\n", text)
    file = folder / (named[1] if named else "claimx.yaml")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    environ = dict.fromkeys(re.findall(r"\$\{(\w+)", text), "https://example.com")
    assert Pipeline.load(environ=environ, cwd=folder).plugins.left_out == []


def commands_exist(block: CodeBlock, folder: Path) -> None:
    """Each ``claimx-run`` names a command that there is, with options that it has."""
    for words in product_commands(block.text):
        assert unknown_in(words) is None, f"{' '.join(words)}: {unknown_in(words)}"


def product_commands(text: str) -> Iterator[list[str]]:
    """Yield what follows ``claimx-run`` in each command of a shell text."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="();<>|&\n")
    lexer.whitespace = " \t\r"
    lexer.whitespace_split = True
    words: list[str] | None = None
    for token in lexer:
        if set(token) <= set("();<>|&\n"):
            if words is not None:
                yield words
            words = None
        elif words is not None:
            words.append(token)
        elif token.rpartition("/")[2] == "claimx-run":
            words = []
    if words is not None:
        yield words


def unknown_in(words: list[str]) -> str | None:
    """Return the first of *words* that is neither a command nor an option of one; None if none."""
    command: Any = typer.main.get_command(app)
    context = command.make_context("claimx-run", [], resilient_parsing=True)
    rest = iter(words)
    for word in rest:
        if word.startswith("-") and len(word) > 1 and not word[1].isdigit():
            option, assigned, _ = word.partition("=")
            takes = options_of(command).get(option)
            if takes is None:
                return word
            if takes and not assigned:
                next(rest, None)
        elif hasattr(command, "list_commands"):
            child = command.get_command(context, word)
            if child is None:
                return word
            context = child.make_context(word, [], parent=context, resilient_parsing=True)
            command = child
    return None


def options_of(command: Any) -> dict[str, bool]:
    """Return the options of *command*, and whether each takes a value."""
    found = {"--help": False}
    for each in command.params:
        if each.param_type_name == "option":
            takes = not (each.is_flag or each.count)
            found |= dict.fromkeys([*each.opts, *each.secondary_opts], takes)
    return found


CHECKS: dict[str, Callable[[CodeBlock, Path], object]] = {
    "bash": commands_exist,
    "console": commands_exist,
    "json": lambda block, folder: json.loads(block.text),
    "promql": no_check,
    "python": python_compiles,
    "sql": lambda block, folder: sqlglot.parse(block.text),
    "text": no_check,
    "toml": lambda block, folder: tomllib.loads(block.text),
    "yaml": settings_load,
}


def test_every_block_says_what_it_is():
    unknown = [f"{block}: {block.language!r}" for block in BLOCKS if block.language not in CHECKS]
    assert unknown == [], "a block is marked with its language; text is for what is printed"


@pytest.mark.parametrize(
    "block",
    [each for each in BLOCKS if CHECKS.get(each.language, no_check) is not no_check],
    ids=str,
)
def test_a_block_is_what_its_language_says(block, tmp_path):
    CHECKS[block.language](block, tmp_path)


@pytest.mark.parametrize(
    ("typed", "unknown"),
    [
        ("claimx-run demo --events 20", None),
        ("cd x && .venv/bin/claimx-run tables list | cat", None),
        ("claimx-run demonstrate", "demonstrate"),
        ("claimx-run topics lits", "lits"),
        ("true; claimx-run demo --evnts 20", "--evnts"),
        ("claimx-run --config x.yaml \\\n  query --nam x", "--nam"),
    ],
)
def test_a_command_that_does_not_exist_is_found(typed, unknown):
    (words,) = product_commands(typed)
    assert unknown_in(words) == unknown
