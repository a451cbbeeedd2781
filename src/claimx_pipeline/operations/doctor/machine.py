"""Settings, this machine's disks, and the versions that are installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from claimx_pipeline.broker.url import sqlite_path
from claimx_pipeline.errors import SettingsError
from claimx_pipeline.operations.doctor.findings import Finding, ok, warning, wrong
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

LEAST_FREE_BYTES = 1 << 30
LEAST_FREE_SHARE = 0.05
OWN = "claimx-pipeline"
ENTRY_POINTS = "claimx_pipeline"
"""Begins the names of the groups of entry points by which distributions bring plugins."""
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)(?:\[[^\]]*\])?\s*([^;]*)(?:;(.*))?")
_CLAUSE = re.compile(r"\s*(>=|<=|==|!=|~=|>|<)\s*([0-9][0-9.]*)")


def settings_findings(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield what is wrong or doubtful in the settings, for all workers."""
    problems: list[str] = []
    try:
        pipeline.require(list(pipeline.workers.values()))
    except SettingsError as error:
        problems = [str(each) for each in error.problems]
    remedy = "correct the setting; 'claimx-run config show --sources' says where each is from"
    for each in problems:
        yield wrong("settings", "setting", each, remedy)
    for problem in pipeline.warnings:
        yield warning("settings", "setting-doubtful", str(problem), remedy)
    for info in pipeline.plugins.infos.values():
        if info.state == "failed":
            what = f"plugin {info.name!r} cannot be loaded: {info.problem}"
            yield wrong("settings", "plugin", what, "'claimx-run plugins list' has more; repair it")
    if not problems:
        yield ok("settings", "setting", "the settings can be used by every worker")


def disk_findings(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield how much room the local folders have."""
    settings = pipeline.settings
    roots = {
        "the tables": settings.tables.root,
        "the files": settings.storage.files.root,
        "the cache": settings.storage.cache.root,
        "files under way": settings.media.work_dir,
    }
    if settings.broker.url.startswith("sqlite:"):
        roots["the broker"] = str(sqlite_path(settings.broker.url))
    seen: dict[tuple[int, int], str] = {}
    for what, root in roots.items():
        if root is None or "://" in str(root):
            continue
        try:
            folder = _existing(Path(str(root)).absolute())
            usage = shutil.disk_usage(folder)
        except OSError as error:
            said = f"the folder of {what} ({root}) cannot be looked at: {reason_of(error)}"
            remedy = "correct the setting, or see to it that the workers' user may use the folder"
            yield wrong("machine", "disk", said, remedy)
            continue
        if seen.setdefault((usage.total, usage.free), what) != what:
            continue
        yield _room(what, folder, usage.free, usage.total)


def _room(what: str, folder: Path, free: int, total: int) -> Finding:
    said = f"the disk of {what} ({folder}) has {free / 1e9:.1f} GB free of {total / 1e9:.1f} GB"
    if free < max(LEAST_FREE_BYTES, total * LEAST_FREE_SHARE):
        return wrong(
            "machine",
            "disk",
            said,
            "make room: 'claimx-run tables maintain' deletes files that are no longer needed, and "
            "shorter retention of topics in broker.topics; or move the root to a larger disk",
        )
    return ok("machine", "disk", said)


def _existing(path: Path) -> Path:
    while not path.exists():
        path = path.parent
    return path


def version_findings() -> Iterator[Finding]:
    """Yield whether what is installed is what this distribution and those of plugins ask for."""
    versions = {}
    for name in _distributions():
        versions[name] = metadata.version(name)
        for requirement in metadata.requires(name) or ():
            if finding := _version(name, requirement):
                yield finding
    shown = ", ".join(f"{name} {version}" for name, version in versions.items())
    yield ok("machine", "versions", f"installed: {shown}")


def _distributions() -> list[str]:
    """Return this distribution and those that bring plugins."""
    found = {
        each.name
        for each in metadata.distributions()
        if any(entry.group.startswith(ENTRY_POINTS) for entry in each.entry_points)
    }
    return [OWN, *sorted(found - {OWN})]


def _version(of: str, requirement: str) -> Finding | None:
    found = _REQUIREMENT.fullmatch(requirement)
    if found is None or found[3]:  # of an extra, or of another platform
        return None
    name, wanted = found[1], found[2].strip(" ()")
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        what = f"{of} needs {name} {wanted}, which is not installed"
        return wrong("machine", "versions", what, f"pip install '{name}{wanted}'")
    if satisfies(installed, wanted):
        return None
    what = f"{of} needs {name} {wanted}, and {installed} is installed"
    return wrong("machine", "versions", what, f"pip install '{name}{wanted}'")


def satisfies(version: str, wanted: str) -> bool:
    """Return whether a version is within clauses such as ``>=1.2,<2``.

    A clause that is written in another way counts as satisfied.
    """
    return all(_holds(_numbers(version), *clause) for clause in _CLAUSE.findall(wanted))


def _holds(version: tuple[int, ...], operator: str, text: str) -> bool:
    wanted = _numbers(text)
    size = max(len(version), len(wanted))
    left = version + (0,) * (size - len(version))
    right = wanted + (0,) * (size - len(wanted))
    if operator == "~=":
        prefix = len(wanted) - 1
        return left >= right and left[:prefix] == right[:prefix]
    return {
        ">=": left >= right,
        "<=": left <= right,
        ">": left > right,
        "<": left < right,
        "==": left[: len(wanted)] == wanted,
        "!=": left != right,
    }[operator]


def _numbers(version: str) -> tuple[int, ...]:
    found = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(int(each) for each in found[0].split(".")) if found else ()
