"""What this house does not do."""

import ast
from pathlib import Path

import pytest

READ_IT = tuple(f"claimx_pipeline/{file}.py" for file in ("cli/context", "cli/main", "pipeline"))
SLEEPS = ("claimx_pipeline/clock.py", "claimx_pipeline/broker/sqlite/file.py")

SRC = Path(__file__).parents[2] / "src"
FILES = sorted(SRC.rglob("*.py"))


def name(file: Path) -> str:
    return str(file.relative_to(SRC))


def nodes(file: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(file.read_text())))


def dotted(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


@pytest.mark.parametrize("file", FILES, ids=name)
def test_the_environment_is_read_in_one_place(file):
    """The command line hands it to the settings loader, and so does a load without one."""
    reads = [n for n in nodes(file) if dotted(n) in ("os.environ", "os.getenv", "environ.get")]
    if name(file) not in READ_IT:
        assert not [n for n in reads if dotted(n).startswith("os.")]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_module_keeps_state(file):
    """Constants are fine; names bound to an empty container, and ``global``, are not."""
    tree = ast.parse(file.read_text())
    assert not [n for n in ast.walk(tree) if isinstance(n, ast.Global)]
    for node in tree.body:
        value = node.value if isinstance(node, (ast.Assign, ast.AnnAssign)) else None
        empty = isinstance(value, (ast.Dict, ast.List, ast.Set)) and not list(
            ast.iter_child_nodes(value)
        )
        assert not empty, f"line {node.lineno}: a container that something must fill"


@pytest.mark.parametrize("file", FILES, ids=name)
def test_nothing_is_swallowed(file):
    for node in nodes(file):
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"
            only_pass = len(node.body) == 1 and isinstance(node.body[0], ast.Pass)
            broad = dotted(node.type) in ("Exception", "BaseException")
            assert not (only_pass and broad), f"line {node.lineno}: swallowed"


@pytest.mark.parametrize("file", FILES, ids=name)
def test_time_comes_from_the_clock(file):
    """``clock.py`` tells the time; the command line may measure itself.

    ``broker/sqlite/file.py`` waits for another process's lock in a thread of its own.
    """
    parts = file.relative_to(SRC).parts
    if name(file) in SLEEPS or {"cli", "simulator"} & set(parts):
        return
    forbidden = {"time.time", "time.sleep", "datetime.now", "datetime.utcnow", "date.today"}
    used = {dotted(n.func) for n in nodes(file) if isinstance(n, ast.Call)}
    assert not used & forbidden


@pytest.mark.parametrize("file", FILES, ids=name)
def test_async_code_is_not_wrapped_to_look_sync(file):
    if "cli" in file.relative_to(SRC).parts or file.name == "command.py":
        return
    if name(file) == "claimx_pipeline/library/blocking.py":
        return  # what it is there for: notebooks, and programs that do not wait
    used = {dotted(n.func) for n in nodes(file) if isinstance(n, ast.Call)}
    assert not used & {"asyncio.run", "loop.run_until_complete", "asyncio.get_event_loop"}


@pytest.mark.parametrize("file", FILES, ids=name)
def test_nothing_is_left_for_later(file):
    text = file.read_text()
    assert not [word for word in ("TODO", "FIXME", "XXX", "for now", "HACK") if word in text]


@pytest.mark.parametrize("file", FILES, ids=name)
def test_no_assert_guards_what_a_user_can_cause(file):
    if file.parent.name == "testing" and file.name.startswith(("contracts", "broker_")):
        return  # these are tests
    assert not [n for n in nodes(file) if isinstance(n, ast.Assert)]


@pytest.mark.incident("RET-02")
def test_each_public_class_is_defined_once():
    """Two enums of one name once made every comparison between them false."""
    seen: dict[str, str] = {}
    for file in FILES:
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                if any(dotted(base).endswith(f".{node.name}") for base in node.bases):
                    continue  # the same with more methods
                key = f"{file.relative_to(SRC).parts[0]}:{node.name}"
                assert key not in seen, f"{node.name} in {seen.get(key)} and {name(file)}"
                seen[key] = name(file)
