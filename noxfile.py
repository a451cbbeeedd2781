"""Development tasks: ``nox -l`` lists them."""

from __future__ import annotations

import pathlib

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.sessions = ["lint", "typing", "tests", "core_alone"]

CORE = "."
PLUGIN = "./src/itel_cabinet_plugin"
# The tests wait more than they compute. A file stays with one process: its fixtures are shared.
PARALLEL = ("-n", "2", "--dist", "loadfile")
PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """Return what the dependency group *name* of pyproject.toml asks for."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    session.install(*group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of both distributions, and of what authors of plugins write."""
    session.install("-e", CORE, "-e", PLUGIN, *group("typing"), *group("bench"))
    session.run("mypy")
    session.run("pytest", "tests/typing")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, those on a real Apache Kafka included."""
    session.install(CORE, PLUGIN, *group("tests"))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session
def kafka(session: nox.Session) -> None:
    """Run the tests that need Apache Kafka, and only those."""
    session.install(CORE, PLUGIN, *group("tests"))
    session.run("pytest", "-m", "kafka", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Attack whole pipelines, a little; ``-- --long`` at length, ``-- --seeds N`` by N schedules.

    Prints one line for each schedule: what was done, and what was lost, doubled or wrong.
    """
    asked = list(session.posargs)
    env = {"FAULTS": "long" if asked else "short"}
    if "--seeds" in asked:
        at = asked.index("--seeds")
        env["FAULT_SEEDS"] = asked[at + 1]
        del asked[at : at + 2]
    if "--long" in asked:
        asked.remove("--long")
    session.install(CORE, PLUGIN, *group("tests"))
    session.run("pytest", "tests/faults", "-s", *asked, env=env)


@nox.session
def pages(session: nox.Session) -> None:
    """Write the pages that are made from the code and its tests; tests say when one is stale."""
    session.install(CORE, PLUGIN, *group("tests"))
    for page in ("reliability", "hooks", "public_api", "form_mapping", "tables"):
        session.run("python", "-m", f"tests.pages.{page}")


@nox.session
def mutations(session: nox.Session) -> None:
    """Break each mechanism in turn and see its tests fail; ``-- --mutations 3`` for three."""
    session.install(CORE, PLUGIN, *group("tests"))
    session.run("pytest", "tests/promises/test_mutations.py", "-m", "mutation", *session.posargs)


@nox.session
def core_alone(session: nox.Session) -> None:
    """Run the tests of what looks for plugins, with none installed."""
    session.install(CORE, *group("tests"))
    rooms = ("cli", "plugins", "settings", "stages", "testing", "test_chains.py")
    chosen = (
        *(f"tests/claimx_pipeline/{room}" for room in rooms),
        "-m",
        "not kafka and not plugin",
    )
    session.run("pytest", *PARALLEL, *chosen, *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build both distributions, then install what was built and run it."""
    session.install("build")
    out = pathlib.Path(session.create_tmp()) / "dist"
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    for folder in (CORE, PLUGIN):
        session.run("python", "-m", "build", "--outdir", str(out), folder, silent=True)
    session.install(*map(str, out.glob("*.whl")))
    session.run("claimx-run", "plugins", "list")
    session.run("claimx-run", "tables", "create", "--dry-run")


@nox.session
def bench(session: nox.Session) -> None:
    """Print the ratios of the product to bare loops; ``-- --quick`` for a short run."""
    session.install(CORE, PLUGIN, *group("bench"), *group("tests"))
    session.run("python", "benchmarks/run.py", *session.posargs)
