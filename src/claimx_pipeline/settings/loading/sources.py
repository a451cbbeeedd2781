"""What the settings are read from: files, the environment, the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from attrs import evolve, field, frozen

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.loading.given import GIVEN, plain
from claimx_pipeline.settings.loading.nodes import Block, Node, ValueOrigin, merge
from claimx_pipeline.settings.loading.spellings import canonical
from claimx_pipeline.system_errors import readable, reason_of

DEFAULT_FILE = "claimx.yaml"
"""Read from the working folder if no file is named."""

"""Where a value comes from that Python code gave."""


@frozen(kw_only=True)
class SettingsSources:
    """Everything that was read, before it is known which plugins there are."""

    root: Block = field(repr=False)
    """The files, later ones laid over earlier ones; nothing filled in yet."""
    files: tuple[str, ...] = ()
    """The files that were read, in order."""
    environ: Mapping[str, str] = field(factory=dict, repr=False)
    overrides: Mapping[str, str] = field(factory=dict, repr=False)
    problems: tuple[Problem, ...] = ()
    """Mistakes such as duplicate keys, to be reported together with all others."""
    warnings: tuple[Problem, ...] = ()


def read_sources(
    config: Path | None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
    cwd: Path,
    settings: Mapping[str, Any] | None = None,
) -> SettingsSources:
    """Read the settings files.

    Args:
        config: A file, or a folder of which all ``*.yaml`` are read in the order of their
            names, later ones winning. None for ``claimx.yaml`` in *cwd*, if there.
        environ: The environment.
        overrides: Dotted path to text, from the command line; taken as it is.
        cwd: Folder that a relative *config* is relative to.
        settings: What a file would say; then no file is read.

    Raises:
        SettingsError: *config* and *settings* are given both; a file cannot be read or is not
            valid YAML; or *config* does not exist.
    """
    if settings is not None:
        if config is not None:
            where, what = "settings", "are given beside a settings file; give one of the two"
            raise SettingsError([Problem(where, what)])
        return _of_mapping(settings, environ, overrides or {})
    files, warnings = _files(config, cwd)
    root: Node = Block({}, ValueOrigin.named(""))
    problems: list[Problem] = []
    broken: list[Problem] = []
    for shown, file in files:
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except OSError as error:
            broken.append(Problem(shown, f"cannot be read: {reason_of(error)}"))
            continue
        except UnicodeDecodeError as error:
            broken.append(Problem(shown, f"is not UTF-8 (byte {error.start})"))
            continue
        from claimx_pipeline.settings.loading.yaml_nodes import (  # noqa: PLC0415 - slow, not always needed
            parse_yaml,
        )

        parsed = parse_yaml(text, partial(ValueOrigin.line_of, shown))
        (broken if parsed.fatal else problems).extend(parsed.problems)
        root = merge(root, canonical(parsed.root, problems))
    if broken:
        raise SettingsError([*broken, *problems])
    if not isinstance(root, Block):
        raise TypeError("the top of the settings is always a block")
    return SettingsSources(
        root=root,
        files=tuple(shown for shown, _ in files),
        environ=environ,
        overrides=overrides or {},
        problems=tuple(problems),
        warnings=tuple(warnings),
    )


def _of_mapping(
    settings: Mapping[str, Any], environ: Mapping[str, str], overrides: Mapping[str, str]
) -> SettingsSources:
    """Return *settings* as if a file said so; paths and times are written as texts."""
    from claimx_pipeline.settings.loading.yaml_nodes import (  # noqa: PLC0415 - slow, not always needed
        parse_yaml,
    )

    text = msgspec.json.encode(plain(settings)).decode()  # JSON is YAML
    problems: list[Problem] = []
    parsed = parse_yaml(text, lambda _: ValueOrigin.named(GIVEN))
    root = canonical(parsed.root, problems)
    problems = [*parsed.problems, *problems]
    if parsed.fatal or not isinstance(root, Block):
        raise SettingsError(problems or [Problem(GIVEN, "is not a valid mapping of sections")])
    return SettingsSources(
        root=root, environ=environ, overrides=overrides, problems=tuple(problems)
    )


def lay_beneath(
    sources: SettingsSources, files: Sequence[tuple[Path, str]], cwd: Path
) -> SettingsSources:
    """Return *sources* with further files beneath them: what those say wins.

    Args:
        sources: What the user's own files hold.
        files: Files, each with the one section that it may hold.
        cwd: Folder that the names in messages are relative to.

    Raises:
        SettingsError: A file cannot be read, is not valid YAML, or holds another section.
    """
    from claimx_pipeline.settings.loading.yaml_nodes import (  # noqa: PLC0415 - slow, not always needed
        parse_yaml,
    )

    beneath: Node = Block({}, ValueOrigin.named(""))
    problems: list[Problem] = []
    for file, section in files:
        shown = str(file.relative_to(cwd) if file.is_relative_to(cwd) else file)
        try:
            text = file.read_bytes().decode("utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            problems.append(Problem(shown, f"cannot be read: {reason_of(error)}"))
            continue
        parsed = parse_yaml(text, partial(ValueOrigin.line_of, shown))
        problems += parsed.problems
        problems += [
            Problem(node.origin.where, f"unknown key {key!r}; this file holds {section!r} only")
            for key, node in parsed.root.entries.items()
            if key != section
        ]
        beneath = merge(beneath, canonical(parsed.root, problems))
    if problems:
        raise SettingsError(problems)
    root = merge(beneath, sources.root)
    if not isinstance(root, Block):
        raise TypeError("the top of the settings is always a block")
    return evolve(sources, root=root)


def _files(config: Path | None, cwd: Path) -> tuple[Sequence[tuple[str, Path]], list[Problem]]:
    """Return the files to read, each with the name to show, and warnings."""
    if config is None:
        default = cwd / DEFAULT_FILE
        with readable("", default):
            if default.exists():
                return [(DEFAULT_FILE, default)], []
            return [], _ignored("", [default.with_suffix(".yml")])
    with readable("--config", config):
        return _files_of(config, cwd)


def _files_of(config: Path, cwd: Path) -> tuple[Sequence[tuple[str, Path]], list[Problem]]:
    """Return the files that *config* names, a file or a folder, and warnings."""
    source = cwd / config
    if not source.exists():
        raise SettingsError(
            [Problem(str(config), "does not exist; --config names a settings file")]
        )
    if not source.is_dir():
        return [(str(config), source)], []
    visible = [file for file in sorted(source.iterdir()) if not file.name.startswith(".")]
    files = [file for file in visible if file.suffix == ".yaml" and file.is_file()]
    if not files:
        raise SettingsError([Problem(str(config), "has no *.yaml file in it")])
    return [(str(config / file.name), file) for file in files], _ignored(str(config), visible)


def _ignored(folder: str, files: Sequence[Path]) -> list[Problem]:
    return [
        Problem(str(Path(folder, file.name)), "is not read; its name must end in .yaml")
        for file in files
        if file.suffix == ".yml" and file.is_file()
    ]
