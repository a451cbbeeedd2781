"""Development tasks: ``nox -l`` lists them."""

from __future__ import annotations

import hashlib
import json
import os
import pathlib
import re
import shutil

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_existing_virtualenvs = True
nox.options.error_on_external_run = True
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "typing", "tests", "core_alone"]

CORE = "."
PLUGIN = "./src/itel_cabinet_plugin"
SUPPORTED = ("3.11", "3.12", "3.13")
# Tests wait more than they compute. A file stays with one process: its fixtures are shared.
PARALLEL = ("-n", "2", "--dist", "loadfile")
# Quick, without Kafka, and touching every library that the records pass through.
QUICK = (
    "tests/claimx_pipeline/settings",
    "tests/claimx_pipeline/claimx",
    "tests/claimx_pipeline/stages",
    "tests/itel_cabinet_plugin/form",
    "tests/promises/test_hooks.py",
)
PYPROJECT = nox.project.load_toml("pyproject.toml")
CONSTRAINTS = pathlib.Path("constraints.txt")
PEERS = pathlib.Path("benchmarks/peers/constraints.txt")
PURELIB = "import sysconfig; print(sysconfig.get_path('purelib'))"
# Validators of deployments, and modules that hold the definitions of what operators bring.
VALIDATORS = {
    "kustomize": "sigs.k8s.io/kustomize/kustomize/v5@v5.8.0",
    "compose": "github.com/compose-spec/compose-go/v2/cmd@v2.16.0",
}
DEFINITIONS = {
    "github.com/kedacore/keda/v2@v2.20.2": (
        "config/crd/bases/keda.sh_scaledobjects.yaml",
        "config/crd/bases/keda.sh_triggerauthentications.yaml",
    ),
    "github.com/prometheus-operator/prometheus-operator@v0.85.0": (
        "example/prometheus-operator-crd-full/monitoring.coreos.com_servicemonitors.yaml",
    ),
}
D2 = "v0.7.2"
VERSION_FILE = pathlib.Path("src/claimx_pipeline/_version.py")


def find_pyenv_pythons() -> None:
    """Let nox find interpreters that pyenv keeps but has not chosen."""
    root = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    found = [
        str(folder)
        for version in SUPPORTED
        for folder in sorted(root.glob(f"versions/{version}.*/bin"))
    ]
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), *found])


find_pyenv_pythons()


def group(name: str) -> list[str]:
    """Return what the dependency group *name* of pyproject.toml asks for."""
    return list(nox.project.dependency_groups(PYPROJECT, name))


def install(session: nox.Session, *what: str) -> None:
    """Install *what* in the versions that constraints.txt names."""
    session.install("--constraint", str(CONSTRAINTS), *what)


def smoke_run(session: nox.Session, *more: str) -> None:
    """Run the quick tests, then whole pipelines on 20 events."""
    session.run("pytest", *PARALLEL, "-m", "not kafka", *QUICK, *more)
    small_demo(session)


def small_demo(session: nox.Session) -> None:
    """Run every worker on 20 events."""
    folder = pathlib.Path(session.create_tmp()) / "demo"
    demo = ("demo", "--events", "20", "--data-dir", str(folder), "--again")
    session.run("claimx-run", *demo, silent=True)


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and format."""
    install(session, *group("lint"))
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types of both distributions, and of what authors of plugins write."""
    install(session, "-e", CORE, "-e", PLUGIN, *group("typing"), *group("bench"))
    session.run("mypy")
    session.run("pytest", "tests/typing")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, those on a real Apache Kafka included, on the Python that runs nox."""
    install(session, CORE, PLUGIN, *group("tests"), *group("readers"))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session
def readers(session: nox.Session) -> None:
    """Open the tables with DuckDB, Polars and pandas, and through the predecessor's views."""
    install(session, CORE, PLUGIN, *group("tests"), *group("readers"))
    session.run("pytest", "tests/readers", *session.posargs)


@nox.session
def spark(session: nox.Session) -> None:
    """Read and compact the tables with Spark; 500 MB, Java 17 and Maven are needed."""
    install(session, CORE, PLUGIN, *group("tests"), *group("spark"))
    session.run("pytest", "tests/readers/test_spark.py", *session.posargs)


@nox.session(python=SUPPORTED)
def tests_on(session: nox.Session) -> None:
    """Run every test on each supported Python that is found; ``tests_on-3.12`` on that one."""
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("pytest", *PARALLEL, *session.posargs)


@nox.session(python=SUPPORTED)
def smoke(session: nox.Session) -> None:
    """Run the quick tests and a small demo on each supported Python that is found."""
    install(session, CORE, PLUGIN, *group("tests"))
    smoke_run(session, *session.posargs)


@nox.session(python=SUPPORTED[0])
def lowest(session: nox.Session) -> None:
    """Run the quick tests with the lowest versions that both pyproject.toml files allow."""
    session.install("uv")
    versions = str(pathlib.Path(session.create_tmp()) / "lowest.txt")
    compile_versions(session, versions, "--resolution", "lowest-direct")
    session.install("--constraint", versions, CORE, PLUGIN, *group("tests"))
    rooms = (f"tests/claimx_pipeline/{room}" for room in ("connections", "delta"))
    smoke_run(session, *rooms, *session.posargs)


@nox.session
def newest(session: nox.Session) -> None:
    """Run the quick tests with the newest versions that the registry has."""
    session.install("--upgrade", CORE, PLUGIN, *group("tests"))
    smoke_run(session, *session.posargs)


@nox.session
def constraints(session: nox.Session) -> None:
    """Write constraints.txt: the newest versions, which ``tests`` then has to pass with.

    What R28 compares with asks for older ones, so those are in a file of their own.
    """
    session.install("uv")
    for file, groups in {CONSTRAINTS: ("dev", "spark"), PEERS: ("bench", "tests", "peers")}.items():
        asked = (part for name in groups for part in ("--group", f"pyproject.toml:{name}"))
        compile_versions(session, str(file), "--upgrade", "--universal", *asked)


def compile_versions(session: nox.Session, out: str, *options: str) -> None:
    """Write the versions that both distributions get by *options* to *out*."""
    session.run(
        *("uv", "pip", "compile", "--quiet", "--python-version", SUPPORTED[0]),
        *("pyproject.toml", f"{PLUGIN}/pyproject.toml", "--no-emit-package", "claimx-pipeline"),
        *(
            "--no-annotate",
            "--custom-compile-command",
            "nox -s constraints",
            "--output-file",
            out,
            *options,
        ),
    )


@nox.session
def coverage(session: nox.Session) -> None:
    """Run every test and print what of both distributions ran; ``-- PATH`` for a part.

    Commands that tests start are measured too, whatever environment they get: a ``.pth`` file
    starts the measurement in each process. Those killed on purpose leave no figures.
    """
    install(session, CORE, PLUGIN, *group("tests"), *group("coverage"))
    data = pathlib.Path(session.create_tmp()).resolve() / "coverage"
    for old in data.parent.glob("coverage*"):
        old.unlink()
    env = {
        "COVERAGE_FILE": str(data),
        "COVERAGE_PROCESS_START": str(pathlib.Path("pyproject.toml").resolve()),
    }
    asked = f"import os; os.environ.update({env!r}); import coverage; coverage.process_startup()\n"
    site = session.run("python", "-c", PURELIB, silent=True)
    started = pathlib.Path(str(site).strip(), "measured.pth")
    started.write_text(asked)
    try:
        session.run("pytest", *PARALLEL, *session.posargs)
    finally:
        started.unlink()
        session.run("coverage", "combine", "--quiet", env=env)
        session.run("coverage", "report", env=env)


@nox.session
def kafka(session: nox.Session) -> None:
    """Run the tests that need Apache Kafka, and only those."""
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("pytest", "-m", "kafka", *session.posargs)


@nox.session
def faults(session: nox.Session) -> None:
    """Attack whole pipelines, a little; ``-- --long`` at length, ``-- --seeds N`` by N schedules.

    Prints one line for each schedule: what was done, and what was lost, doubled or wrong.
    ``-- --strangers`` mixes odd records and answers into an hour of events on Kafka instead;
    ``--seconds N`` makes it shorter, ``--seed N`` another one. It prints a line per minute.
    """
    asked = list(session.posargs)
    if "--strangers" in asked:
        asked.remove("--strangers")
        soak_run(session, asked)
        return
    env = {"FAULTS": "long" if asked else "short"}
    if "--seeds" in asked:
        at = asked.index("--seeds")
        env["FAULT_SEEDS"] = asked[at + 1]
        del asked[at : at + 2]
    if "--long" in asked:
        asked.remove("--long")
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("pytest", "tests/faults", "-s", *asked, env=env)


def soak_run(session: nox.Session, asked: list[str]) -> None:
    """Run the soak among strangers; what is left of *asked* goes to pytest."""
    env = {"FAULTS": "long", "STRANGERS_SECONDS": "3600", "STRANGERS_SEED": "1"}
    for option, name in (("--seconds", "STRANGERS_SECONDS"), ("--seed", "STRANGERS_SEED")):
        if option in asked:
            at = asked.index(option)
            env[name] = asked[at + 1]
            del asked[at : at + 2]
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("pytest", "tests/faults/strangers", "-s", "-m", "kafka", *asked, env=env)


@nox.session
def pages(session: nox.Session) -> None:
    """Write the pages that are made from the code and its tests; tests say when one is stale."""
    install(session, CORE, PLUGIN, *group("tests"))
    for page in (
        "reliability",
        "hooks",
        "public_api",
        "form_mapping",
        "itel_payloads",
        "tables",
        "metrics",
        "monitoring",
        "deployments",
        "settings",
        "commands",
        "errors",
        "messages",
        "mistakes",
        "topics",
        "stages",
        "connections",
        "task_triggers",
    ):
        session.run("python", "-m", f"tests.pages.{page}")


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site and look at every page; ``-- DIR`` adds it to the versions in DIR.

    A link, an anchor or a page that is not there fails the build. Where there is a Chromium, the
    search is asked for every name of the product, and each page looked at in two widths.
    """
    install(session, CORE, PLUGIN, *group("docs"), *group("console"), *group("tests"))
    session.run("zensical", "build", "--strict", "--clean", "-f", "docs/zensical.toml")
    session.run("pytest", "tests/site")
    for folder in map(pathlib.Path, session.posargs):
        publish_site(pathlib.Path("docs/build"), folder)


def publish_site(built: pathlib.Path, versions: pathlib.Path) -> None:
    """Put the site that is *built* among the *versions*, newest first."""
    text = VERSION_FILE.read_text()
    version = re.search(r'"(\d+\.\d+)', text)[1]
    shutil.copytree(built, versions / version, dirs_exist_ok=True)
    found = [each.name for each in versions.iterdir() if re.fullmatch(r"\d+\.\d+", each.name)]
    found.sort(key=lambda name: tuple(map(int, name.split("."))), reverse=True)
    listed = [{"version": name, "title": name, "aliases": []} for name in found]
    (versions / "versions.json").write_text(json.dumps(listed, indent=2))
    (versions / "index.html").write_text(
        f'<!doctype html><meta http-equiv="refresh" content="0; url={found[0]}/index.html">'
    )


@nox.session
def recording(session: nox.Session) -> None:
    """Run the demo on a terminal, and draw what it shows for the README."""
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("python", "-m", "tests.pages.recording")


@nox.session
def tutorials(session: nox.Session) -> None:
    """Follow every tutorial word by word, each in a fresh virtual environment; prints the time."""
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("pytest", "tests/tutorials", "-m", "tutorial", "-s", *session.posargs)


@nox.session
def console(session: nox.Session) -> None:
    """Look at every page of the console in Chromium; ``-- DIR`` keeps pictures of them there."""
    install(session, CORE, PLUGIN, *group("console"), *group("tests"))
    env = (
        {"CONSOLE_PICTURES": str(pathlib.Path(session.posargs[0]).resolve())}
        if (session.posargs)
        else {}
    )
    session.run("pytest", "tests/claimx_pipeline/console", env=env)


@nox.session
def console_load(session: nox.Session) -> None:
    """Look at the console 1,000 times over 10**6 stored records and 10**4 dead letters.

    Prints the seconds of every page and how the memory grew; the test suite does it with few.
    """
    install(session, CORE, PLUGIN, *group("tests"))
    test = "tests/claimx_pipeline/console/test_load.py"
    session.run("pytest", "-s", test, *session.posargs, env={"CONSOLE_LOAD": "full"})


@nox.session
def diagrams(session: nox.Session) -> None:
    """Draw the pictures of the documentation from their sources; needs Go, which brings D2."""
    folder = pathlib.Path(session.create_tmp()).resolve()
    env = {"GOBIN": str(folder)}
    session.run("go", "install", f"oss.terrastruct.com/d2@{D2}", env=env, external=True)
    for source in sorted(pathlib.Path("docs/diagrams").glob("*.d2")):
        look = ("--theme", "0", "--dark-theme", "200", "--pad", "20", "--layout", "elk")
        session.run(
            str(folder / "d2"), *look, str(source), str(source.with_suffix(".svg")), external=True
        )
        source.with_suffix(".svg").chmod(0o644)


@nox.session
def examples(session: nox.Session) -> None:
    """Run the tests of the example that needs a package of its own: the source for Kusto."""
    install(session, CORE, "./examples/eventhouse-source", *group("tests"))
    session.chdir("examples/eventhouse-source")
    session.run("pytest", *session.posargs)


@nox.session
def backfill(session: nox.Session) -> None:
    """Back-fill 100,000 events beside live ones, killed five times; measures rate and latency."""
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("python", "-m", "tests.faults.backfill", *session.posargs)


@nox.session
def mutations(session: nox.Session) -> None:
    """Break each mechanism in turn and see its tests fail; ``-- --mutations 3`` for three."""
    install(session, CORE, PLUGIN, *group("tests"))
    session.run("pytest", "tests/promises/test_mutations.py", "-m", "mutation", *session.posargs)


@nox.session
def core_alone(session: nox.Session) -> None:
    """Run the tests of what looks for plugins, with none installed."""
    install(session, CORE, *group("tests"))
    rooms = ("cli", "plugins", "settings", "stages", "testing")
    chosen = [f"tests/claimx_pipeline/{room}" for room in rooms]
    session.run("pytest", *PARALLEL, *chosen, "-m", "not kafka and not plugin", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """Build both distributions, then install what was built and run it."""
    install(session, "build")
    out = pathlib.Path(session.create_tmp()) / "dist"
    build_into(session, out)
    session.install(
        "--force-reinstall", "--constraint", str(CONSTRAINTS), *map(str, out.glob("*.whl"))
    )
    session.run("claimx-run", "plugins", "list")
    session.run("claimx-run", "tables", "create", "--dry-run")


def build_into(session: nox.Session, out: pathlib.Path, **env: str) -> None:
    """Build the source distribution of each, and its wheel from that, into an emptied *out*."""
    out.mkdir(exist_ok=True)
    for old in out.iterdir():
        old.unlink()
    for folder in (CORE, PLUGIN):
        session.run("python", "-m", "build", "--outdir", str(out), folder, silent=True, env=env)


@nox.session
def deploy(session: nox.Session) -> None:
    """Check the files of ``examples/deploy`` with validators, and run their units and RUN lines.

    Needs Go, which brings kustomize and compose's own reader; systemd-analyze, logrotate, promtool
    and npm are used where they are.
    """
    install(session, CORE, PLUGIN, *group("tests"), *group("deploy"), "build")
    tmp = pathlib.Path(session.create_tmp()).resolve()
    bring_validators(session, tmp / "tools")
    build_into(session, tmp / "wheels")
    for other in (tmp / "wheels").glob("*.tar.gz"):
        other.unlink()
    (tmp / "wheels" / CONSTRAINTS).write_bytes(CONSTRAINTS.read_bytes())
    env = {"DEPLOY_TOOLS": str(tmp / "tools"), "DEPLOY_WHEELS": str(tmp / "wheels")}
    tests = "tests/claimx_pipeline/deploy"
    session.run("pytest", *PARALLEL, tests, "-m", "deploy or not deploy", *session.posargs, env=env)


def bring_validators(session: nox.Session, tools: pathlib.Path) -> None:
    """Put programs and definitions that come as Go modules into *tools*."""
    definitions = tools / "definitions"
    definitions.mkdir(parents=True, exist_ok=True)
    for name, module in VALIDATORS.items():
        if not (tools / name).exists():
            session.run("go", "install", module, env={"GOBIN": str(tools)}, external=True)
            installed = module.partition("@")[0].rpartition("/")[2]
            installed = name if re.fullmatch(r"v\d+", installed) else installed
            (tools / installed).rename(tools / name)
    for module, files in DEFINITIONS.items():
        found = session.run("go", "mod", "download", "-json", module, external=True, silent=True)
        for file in files:
            source = pathlib.Path(json.loads(str(found))["Dir"], file)
            (definitions / source.name).write_bytes(source.read_bytes())


@nox.session
def monitoring(session: nox.Session) -> None:
    """Fire every alert on a real Prometheus and run every panel's query on one under load.

    Needs ``prometheus`` and ``promtool`` (Debian's package ``prometheus``). Prints each answer.
    """
    install(session, CORE, PLUGIN, *group("tests"))
    tests = "tests/claimx_pipeline/monitoring"
    session.run("pytest", tests, "-s", "-m", "monitoring or not monitoring", *session.posargs)


@nox.session
def audit(session: nox.Session) -> None:
    """Write the bill of materials of an installation, and ask for known vulnerabilities in it.

    The bill is ``sbom.cdx.json`` (CycloneDX) in this session's ``tmp``. Vulnerabilities come
    from the package index's own service; a mirror that does not offer it answers for no package.
    Then the session ends as skipped and says so: nothing was found because nothing was asked.
    """
    install(session, *group("audit"))
    tmp = pathlib.Path(session.create_tmp()).resolve()
    python = installation(session, tmp / "installed")
    bill_of_materials(session, python, tmp / "sbom.cdx.json")
    (answer := tmp / "audit.json").unlink(missing_ok=True)
    site = session.run(python, "-c", PURELIB, external=True, silent=True)
    session.run(
        *("pip-audit", "--path", str(site).strip(), "--skip-editable"),
        *("--format", "json", "--output", str(answer)),
        success_codes=[0, 1],
        silent=True,
    )
    judge_audit(session, answer)


def installation(session: nox.Session, folder: pathlib.Path) -> str:
    """Install both distributions and nothing else into *folder*; return its Python."""
    session.run("python", "-m", "venv", "--clear", str(folder))
    python = str(folder / "bin" / "python")
    asked = ("-m", "pip", "install", "-q", "--constraint", str(CONSTRAINTS), CORE, PLUGIN)
    session.run(python, *asked, external=True)
    session.run(python, "-m", "pip", "uninstall", "-q", "-y", "pip", external=True)
    return python


def bill_of_materials(session: nox.Session, python: str, out: pathlib.Path) -> None:
    """Write what the installation of *python* consists of to *out*."""
    asked = ("--pyproject", "pyproject.toml", "--output-reproducible", "--output-file", str(out))
    session.run("cyclonedx-py", "environment", *asked, python)


def judge_audit(session: nox.Session, answer: pathlib.Path) -> None:
    """End the session by what pip-audit has found out."""
    packages = json.loads(answer.read_text())["dependencies"] if answer.exists() else []
    asked = [each for each in packages if "vulns" in each]
    found = [
        f"{each['name']} {each['version']}: {flaw['id']}, fixed in {flaw['fix_versions']}"
        for each in asked
        for flaw in each["vulns"]
    ]
    if not asked:
        session.skip("the vulnerability service cannot be asked: nothing was audited")
    if found:
        session.error("known vulnerabilities:\n" + "\n".join(found))
    session.log(f"{len(asked)} of {len(packages)} packages audited, no known vulnerability")


@nox.session
def release(session: nox.Session) -> None:
    """Build what is released into ``dist/``; ``-- --try`` before version and changelog are set.

    Both distributions, checked, installed and run; bill of materials; SHA-256 sums.
    """
    version = version_to_release(session, trying="--try" in session.posargs)
    install(session, *group("release"), *group("audit"))
    made = session.run("git", "log", "-1", "--format=%ct", external=True, silent=True)
    build_into(session, dist := pathlib.Path("dist"), SOURCE_DATE_EPOCH=str(made).strip())
    built = sorted(dist.iterdir())
    session.run("twine", "check", "--strict", *map(str, built))
    install(session, "--force-reinstall", *map(str, dist.glob("*.whl")))
    said = str(session.run("claimx-run", "--version", silent=True)).split()
    if said[-1] != version:
        session.error(f"the wheel says it is {said[-1]}, {VERSION_FILE} says {version}")
    small_demo(session)
    python = installation(session, pathlib.Path(session.create_tmp()).resolve() / "installed")
    bill = dist / f"claimx-pipeline-{version}.cdx.json"
    bill_of_materials(session, python, bill)
    sums = [f"{hashlib.sha256(f.read_bytes()).hexdigest()}  {f.name}\n" for f in [*built, bill]]
    (dist / "SHA256SUMS").write_text("".join(sums))
    session.log("".join(["in dist/:\n", *sums]))


def version_to_release(session: nox.Session, *, trying: bool) -> str:
    """Return the version; unless *trying*, end the session if it cannot be released."""
    version = VERSION_FILE.read_text().split('"')[-2]
    heading = rf"^## {re.escape(version)} - \d{{4}}-\d\d-\d\d$"
    if trying:
        return version
    if not re.search(heading, pathlib.Path("CHANGELOG.md").read_text(), re.MULTILINE):
        session.error(f"CHANGELOG.md has no heading '## {version} - YEAR-MONTH-DAY': write it")
    if session.run("git", "status", "--porcelain", external=True, silent=True):
        session.error("the checkout has changes that are not committed: commit or remove them")
    return version


@nox.session
def bench(session: nox.Session) -> None:
    """Print the ratios of the product to bare loops; ``-- --quick`` for a short run."""
    install(session, CORE, PLUGIN, *group("bench"), *group("tests"))
    session.run("python", "benchmarks/run.py", *session.posargs)


@nox.session
def peers(session: nox.Session) -> None:
    """Print the product beside Quix Streams and FastStream; ``-- --quick`` for a short run."""
    groups = (each for name in ("bench", "tests", "peers") for each in group(name))
    session.install("--constraint", str(PEERS), CORE, PLUGIN, *groups)
    session.run("python", "benchmarks/run.py", "--only", "R28", *session.posargs)
