"""Every sentence with which the code refuses something, read from where it is raised."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from attrs import define

from claimx_pipeline import errors

SRC = Path(__file__).parents[2] / "src"
CORE, PLUGIN = "claimx_pipeline", "itel_cabinet_plugin"
BESIDE = frozenset({"Problem", "ValueError", "LookupError", "WrongConditionError"})
"""What is shown to the user besides errors of the pipeline's own."""
NO_ERROR = frozenset(
    {"UnknownTopicError", "FencedError", "RecordTooLargeError", "RecordFailedError"}
)
"""Their sentence is made of their fields, and is the one of their class."""
FRAGMENT = re.compile(r"(is|are|has|holds|must|not|no|neither|too|there is no log)\b(?!.*;)")
"""Begins what is a part of the sentence of another error, which says of what."""
SHORT = 3
"""Words; a text of fewer is a part of another sentence."""


@define(frozen=True, order=True)
class Sentence:
    """What is printed, with the names of what is filled in."""

    room: str
    text: str
    kind: str

    @property
    def wrong(self) -> str:
        """What it says is wrong, without what to do; all of it if the rest has no word of its own."""
        before = self.text.partition("; ")[0]
        return before if re.search(r"[a-z]{3,}", before) else self.text.removeprefix("; ")

    @property
    def remedy(self) -> str:
        """What the sentence itself says to do; empty if it says only what is wrong."""
        _, found, after = self.text.partition("; ")
        return after if found else ""


def families() -> set[str]:
    """Return the names of all classes of errors that the pipeline raises on purpose."""
    known = {name for name, found in vars(errors).items() if _is_error(found)}
    bases = {
        node.name: {_name(base) for base in node.bases}
        for file in SRC.rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }
    while more := {name for name, of in bases.items() if of & known} - known:
        known |= more
    return known


def _is_error(found: object) -> bool:
    return isinstance(found, type) and issubclass(found, errors.ClaimxError)


def sentences() -> list[Sentence]:
    """Return every sentence, by where it is raised and then by its text."""
    wanted = families() | BESIDE
    found = set()
    for file in sorted(SRC.rglob("*.py")):
        if "simulator" in file.parts or "new_plugin" in file.parts:
            continue  # no part of a pipeline
        found |= set(_File(file).sentences(wanted))
    return sorted(found)


class _File:
    """A module whose sentences are read."""

    def __init__(self, file: Path) -> None:
        self.tree = ast.parse(file.read_text(encoding="utf-8"))
        parts = file.relative_to(SRC).with_suffix("").parts
        self.room = parts[0] if parts[0] == PLUGIN else parts[1]
        self.constants = {
            target.id: node.value.value
            for node in self.tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name) and isinstance(node.value.value, str)
        }
        self.functions = {
            node.name: node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }

    def sentences(self, wanted: set[str]) -> Iterator[Sentence]:
        """Yield what the errors of *wanted* classes say."""
        for function in [self.tree, *self.functions.values()]:
            for node in _own(function):
                if isinstance(node, ast.Call) and (kind := _name(node.func)) in wanted:
                    for text in self._said(node, function):
                        shown = _tidy(text)
                        if self._is_sentence(kind, shown):
                            yield Sentence(self.room, shown, kind)
                if isinstance(node, ast.ClassDef) and node.name in wanted:
                    yield from self._of_class(node)

    def _of_class(self, node: ast.ClassDef) -> Iterator[Sentence]:
        for each in node.body:
            if isinstance(each, ast.FunctionDef) and each.name == "__str__":
                for text in self._returned(each):
                    if self._is_sentence(node.name, shown := _tidy(_with_defaults(text, node))):
                        yield Sentence(self.room, shown, node.name)

    def _is_sentence(self, kind: str, text: str) -> bool:
        plain = re.sub(r"[A-Z_]{2,}|…", "", text)
        if kind in ("ValueError", "LookupError") and FRAGMENT.match(text):
            return False
        return len(re.findall(r"[a-z]{2,}", plain)) >= SHORT

    def _said(self, call: ast.Call, function: ast.AST) -> list[str]:
        given = [*call.args, *(each.value for each in call.keywords)]
        if _name(call.func) == "Problem" and len(given) > 1:
            wheres, whats = self._texts(given[0], function), self._texts(given[1], function)
            where = wheres[0] if wheres and re.search(r"[a-z]", wheres[0]) else ""
            return [f"{where}: {what}" if where else what for what in whats]
        return [text for each in given for text in self._texts(each, function)]

    def _texts(self, node: ast.expr, function: ast.AST, depth: int = 3) -> list[str]:
        """Return every text that *node* can be, as far as the module shows it."""
        if depth == 0:
            return []
        match node:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.JoinedStr():
                return [self._joined(node)]
            case ast.IfExp():
                either = (node.body, node.orelse)
                return [text for each in either for text in self._texts(each, function, depth)]
            case ast.BinOp(left=left, right=right):
                pairs = (self._texts(left, function, depth), self._texts(right, function, depth))
                return ["".join(texts) for texts in zip(*pairs, strict=False)]
            case ast.Name(id=name):
                return [
                    text
                    for each in _own(function)
                    if isinstance(each, ast.Assign | ast.AugAssign | ast.NamedExpr)
                    if name in _targets(each)
                    for text in self._texts(each.value, function, depth - 1)
                ]
            case ast.Call(func=func) if _name(func) in self.functions:
                return self._returned(self.functions[_name(func)], depth - 1)
        return []

    def _returned(self, function: ast.AST, depth: int = 3) -> list[str]:
        return [
            text
            for each in _own(function)
            if isinstance(each, ast.Return) and each.value is not None
            for text in self._texts(each.value, function, depth)
        ]

    def _joined(self, node: ast.JoinedStr) -> str:
        parts = []
        for value in node.values:
            if isinstance(value, ast.Constant):
                parts.append(str(value.value))
            elif isinstance(value, ast.FormattedValue):
                shown = self._placeholder(value.value)
                parts.append(f"'{shown}'" if value.conversion == ord("r") else shown)
        return "".join(parts)

    def _placeholder(self, node: ast.expr) -> str:
        match node:
            case ast.Name(id=name) if name in self.constants:
                return self.constants[name]
            case ast.Name(id=name):
                return _upper(name)
            case ast.Attribute(attr=name):
                return _upper(name)
            case ast.Subscript(value=value):
                return self._placeholder(value)
            case ast.Call(func=ast.Attribute(attr="join"), args=[inner]):
                return self._placeholder(inner) + ", …"
            case ast.Call(args=[inner, *_]):
                return self._placeholder(inner)
            case ast.Call(func=ast.Attribute(value=value)):
                return self._placeholder(value)
            case ast.BoolOp(values=[first, *_]):
                return self._placeholder(first)
            case ast.Starred(value=value):
                return self._placeholder(value)
        return "…"


def _with_defaults(text: str, node: ast.ClassDef) -> str:
    """Return *text* with those fields of a class filled in that have a text as their default."""
    for each in node.body:
        match each:
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.Constant(value=str(given))):
                text = text.replace(_upper(name), given or _upper(name))
    return text


def _own(function: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of *function*, without those of functions inside it."""
    waiting = list(ast.iter_child_nodes(function))
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            waiting.extend(ast.iter_child_nodes(node))


def _targets(node: ast.Assign | ast.AugAssign | ast.NamedExpr) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {each.id for each in targets if isinstance(each, ast.Name)}


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _upper(name: str) -> str:
    return name.strip("_").upper()


def _tidy(text: str) -> str:
    return " ".join(text.split())
