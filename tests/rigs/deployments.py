"""The files that run the workers in production, as they are in the checkout."""

from pathlib import Path

import yaml

from tests.rigs.unit_file import UnitFile, environment_file

DEPLOY = Path(__file__).parents[2] / "examples" / "deploy"
TARGETS = ("systemd", "kubernetes", "compose", "image")


def documents(file: Path) -> list[dict]:
    return list(yaml.safe_load_all(file.read_text()))


def example_environment(file: Path, **changed: str | None) -> dict[str, str]:
    """Return the variables of an example, those given with another value or with none."""
    given = {**environment_file(file), **changed}
    return {name: value for name, value in given.items() if value is not None}


def services() -> dict[str, str]:
    """Return each worker of the units by the name of its service."""
    return {
        unit.stem: UnitFile.read(unit).one("ExecStart").partition(" worker ")[2].split()[0]
        for unit in sorted((DEPLOY / "systemd").glob("*-worker.service"))
    }
