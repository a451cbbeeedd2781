"""Settings from a text, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from claimx_pipeline.errors import SettingsError
from claimx_pipeline.settings.loader import LoadedSettings, load_settings, read_sources
from claimx_pipeline.settings.tree.settings import SettingsSection


def load_text(
    folder: Path,
    text: str,
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    sections: Sequence[SettingsSection] = (),
) -> LoadedSettings:
    """Return the settings of a ``claimx.yaml`` in *folder* that holds *text*."""
    (folder / "claimx.yaml").write_text(text, encoding="utf-8")
    sources = read_sources(None, environ=environ or {}, overrides=overrides or {}, cwd=folder)
    return load_settings(sources, sections)


def problems_of(
    folder: Path,
    text: str,
    environ: Mapping[str, str] | None = None,
    *,
    overrides: Mapping[str, str] | None = None,
    sections: Sequence[SettingsSection] = (),
) -> list[str]:
    """Return what is wrong with a ``claimx.yaml`` that holds *text*."""
    try:
        load_text(folder, text, environ, overrides=overrides, sections=sections)
    except SettingsError as error:
        return [str(problem) for problem in error.problems]
    return []
