"""Writes ``docs/explanation/reliability.md``: what could go wrong, and what answers it.

``python -m tests.pages.reliability`` writes it again, from the marks of the tests
(``@pytest.mark.incident("OFF-02")``) and from ``tests/promises/incidents.yaml``.
"""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path

import yaml
from attrs import field, frozen

ROOT = Path(__file__).parents[2]
INCIDENTS = ROOT / "tests" / "promises" / "incidents.yaml"
DOCUMENT = ROOT / "docs" / "explanation" / "reliability.md"
COMMAND = "python -m tests.pages.reliability"

INTRODUCTION = """\
# Reliability

Two earlier systems did this work. What failed in them, and what was found broken in them at
their end, is kept here as {count} incidents: each says what could go wrong, and which tests
show that it does not. Where an incident cannot exist in this design, or where the design
answers it in another way than the incident asked for, the entry says why.

A test names the incidents it answers: `@pytest.mark.incident("OFF-02")`. This page is written
from those marks by `nox -s pages`; a test fails when it is out of date, when an id is
unknown, or when an incident has neither a test nor a reason. For {mutations} of them a patch that
breaks the mechanism is kept in `tests/promises/mutations.yaml`; `nox -s mutations` applies each
to a copy and expects the tests named here to fail.
"""


@frozen
class Incident:
    """One thing that could go wrong.

    Attributes:
        risk: What could go wrong, in one sentence.
        reason: Why no test can show it here.
        differs: In what the design, and so the tests, differ from what was asked.
        pending: What answers it, as long as no test does.
    """

    risk: str
    reason: str = ""
    differs: str = ""
    pending: str = ""


@frozen
class Register:
    """All incidents, by group, and the tests that answer them."""

    groups: Mapping[str, str]
    incidents: Mapping[str, Incident]
    tests: Mapping[str, list[str]] = field(factory=dict)

    @classmethod
    def read(cls) -> Register:
        """Return what the data file and the tests' marks say."""
        data = yaml.safe_load(INCIDENTS.read_text())
        pending = data["pending"] or {}
        incidents = {
            each: Incident(**entry, pending=pending.get(each, ""))
            for each, entry in data["incidents"].items()
        }
        return cls(data["groups"], incidents, marks())

    def unanswered(self) -> list[str]:
        """Return the incidents that have neither test nor reason nor a place in the list of those to come."""
        return [
            each
            for each, incident in self.incidents.items()
            if not (each in self.tests or incident.reason or incident.pending)
        ]

    def waiting(self) -> dict[str, str]:
        """Return the incidents without a test that wait for one."""
        return {
            each: incident.pending
            for each, incident in self.incidents.items()
            if incident.pending and each not in self.tests
        }

    def document(self, mutations: int) -> str:
        """Return the page."""
        lines = [INTRODUCTION.format(count=len(self.incidents), mutations=mutations)]
        for group, title in self.groups.items():
            lines.append(f"## {title}\n")
            lines += [
                self._entry(each, incident)
                for each, incident in self.incidents.items()
                if each.startswith(f"{group}-")
            ]
        return "\n".join(lines)

    def _entry(self, each: str, incident: Incident) -> str:
        lines = [f"**{each}** {incident.risk}\n"]
        if incident.reason:
            lines.append(f"- {incident.reason}")
        if incident.differs:
            lines.append(f"- Differs: {incident.differs}")
        if each in self.tests:
            lines += [f"- `{test}`" for test in self.tests[each]]
        elif incident.pending:
            lines.append(f"- {incident.pending}")
        return "\n".join(lines) + "\n"


def marks() -> dict[str, list[str]]:
    """Return for each incident named by a mark the tests that carry it, as pytest names them."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        for test, incident in _marked(ast.parse(file.read_text())):
            name = f"{file.relative_to(ROOT)}::{test}"
            if name not in found[incident]:
                found[incident].append(name)
    return dict(found)


def _marked(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            for decorator in node.decorator_list:
                for call in ast.walk(decorator):
                    if isinstance(call, ast.Call) and ast.unparse(call.func).endswith(
                        "mark.incident"
                    ):
                        yield from ((node.name, ast.literal_eval(given)) for given in call.args)


def written(register: Register) -> str:
    """Return the page as it should stand in the docs."""
    from tests.promises.mutation import mutations

    return register.document(len(mutations()))


if __name__ == "__main__":
    DOCUMENT.write_text(written(Register.read()))
