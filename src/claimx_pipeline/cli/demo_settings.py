"""The settings of ``demo``: its own, and around them what the user gives it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from attrs import field, frozen

from claimx_pipeline.errors import UsageError
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.settings.loader import plugins_settings, read_sources
from claimx_pipeline.settings.loading.paths import parse_path
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT

MARK = "# Written by 'claimx-run demo'."
"""Begins the demo's own file; only a folder with one is replaced by ``--again``."""

DEMO_FILE = "claimx.yaml"
AROUND = "settings"
"""Folder for the files beneath and above the demo's own, if there are some."""

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)")


@frozen
class DemoSettings:
    """What the user gives the demo: settings of his own, and single ones that win."""

    data_dir: Path
    config: Path | None
    changes: Mapping[str, Any]
    """The settings of ``--set`` as a tree."""
    environ: Mapping[str, str] = field(factory=dict, repr=False)
    """The environment."""

    @classmethod
    def read(
        cls,
        data_dir: Path,
        config: Path | None,
        changes: Sequence[str],
        environ: Mapping[str, str],
    ) -> DemoSettings:
        """Return what the command line says.

        Raises:
            UsageError: A ``--set`` is not KEY=VALUE, its value is not YAML, or two contradict.
        """
        tree: dict[str, Any] = {}
        for change in changes:
            _put(tree, change)
        return cls(data_dir, config, tree, environ)

    @property
    def written(self) -> Path:
        """What further commands read: the demo's file, or the folder with those around it."""
        alone = self.config is None and not self.changes
        return self.data_dir / (DEMO_FILE if alone else AROUND)

    def bare(self) -> Pipeline:
        """Return the pipeline of the user's settings alone; a mistake is named by file and line.

        Raises:
            SettingsError: They are wrong.
        """
        if self.config is None:
            overrides = {"plugins.dir": ""}
            return Pipeline.load(environ={}, overrides=overrides, cwd=self.data_dir)
        return Pipeline.load(self.config, environ=self._environ(()))

    def plugins_dir(self, bare: Pipeline) -> str:
        """Return the folder of the user's directory plugins; empty for none."""
        folder = Path(bare.settings.plugins.dir or "")
        return str(folder.resolve()) if self.config and folder.is_dir() else ""

    def load(self, text: str, bare: Pipeline) -> Pipeline:
        """Write the demo's settings, *text*, and return their pipeline, the user's around them.

        Raises:
            SettingsError: Together they are wrong.
        """
        own = self.data_dir / DEMO_FILE
        own.write_text(text, encoding="utf-8")
        if self.written == own:
            return Pipeline.load(own, environ={})
        self.written.mkdir()
        for number, file in enumerate(self._files()):
            target = self.written / f"1{number:03}-{file.stem}.yaml"
            target.write_bytes(file.read_bytes())
        (self.written / "2000-demo.yaml").write_text(text, encoding="utf-8")
        if self.changes:
            # JSON is YAML.
            (self.written / "3000-set.yaml").write_text(f"{as_json(self.changes)}\n")
        tables = (section.environment for section in bare.loaded.sections)
        return Pipeline.load(self.written, environ=self._environ(tables))

    def _files(self) -> list[Path]:
        if self.config is None:
            return []
        return sorted(self.config.glob("*.yaml")) if self.config.is_dir() else [self.config]

    def _environ(self, tables: Iterable[Mapping[str, str]]) -> Mapping[str, str]:
        """Return the variables that the user's files name, and no variable of a setting.

        A variable such as CLAIMX_API_URL would lead the demo to the real service.
        """
        if self.config is None:
            return {}
        sources = read_sources(self.config, environ=self.environ, cwd=Path.cwd())
        wanted = plugins_settings(sources).dir
        in_folder = ("*/*.yaml", "shared/connections/*.yaml") if wanted else ()
        beside = (file for glob in in_folder for file in Path(wanted).glob(glob))
        files = [*self._files(), *beside]
        texts = [file.read_text(encoding="utf-8", errors="replace") for file in files]
        of_settings = {*CORE_ENVIRONMENT, *(name for table in tables for name in table)}
        named = {name for text in texts for name in _REFERENCE.findall(text)} - of_settings
        return {name: self.environ[name] for name in named if name in self.environ}


def _put(tree: dict[str, Any], change: str) -> None:
    """Put one ``--set`` into *tree*."""
    import yaml

    path, separator, text = change.partition("=")
    try:
        keys = parse_path(path.strip())
        value = yaml.safe_load(text)
    except ValueError as error:
        raise UsageError(f"--set {change!r}: {error}") from error
    except yaml.YAMLError as error:
        raise UsageError(f"--set {change!r}: the value is not valid YAML; quote it") from error
    if not separator or any(isinstance(key, int) for key in keys):
        raise UsageError(f"--set {change!r}: write KEY=VALUE; a list is set as a whole, [a, b]")
    for key in keys[:-1]:
        tree = tree.setdefault(str(key), {})
        if not isinstance(tree, dict):
            raise UsageError(f"--set {change!r}: another --set gives {key!r} a value already")
    tree[str(keys[-1])] = value


def as_json(value: Any) -> str:
    """Return *value* as JSON, which is YAML."""
    return msgspec.json.encode(value).decode()
