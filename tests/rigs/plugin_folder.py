"""Directory plugins that a test writes."""

from pathlib import Path

import yaml

HEAD = """\
import asyncio
import threading
from claimx_pipeline import Plugin, PluginResult, Topic
"""


def write_plugin(folder: Path, name: str, body: str, **config: object) -> Path:
    """Write plugin *name* whose class has *body*; return the directory of plugins."""
    place = folder / "plugins" / name
    place.mkdir(parents=True, exist_ok=True)
    said = {"name": name, "module": "plugin", "class": "It", **config}
    (place / "config.yaml").write_text(yaml.safe_dump(said))
    lines = "\n".join(f"    {line}" for line in body.strip("\n").splitlines())
    (place / "plugin.py").write_text(f'{HEAD}\nclass It(Plugin):\n    name = "{name}"\n{lines}\n')
    return folder / "plugins"
