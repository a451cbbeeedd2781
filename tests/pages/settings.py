"""``docs/reference/settings.md``, made from the classes of the settings.

``python -m tests.pages.settings`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import field, frozen

from claimx_pipeline import Pipeline
from claimx_pipeline.settings.schema import Schema, settings_schema
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT, SettingsSection
from tests.pages.titled import titled

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "settings.md"
COMMAND = "python -m tests.pages.settings"

HEAD = """\
# Settings

Every setting of the core and of the iTel cabinet plugin, by section. This page is made from the
classes of the settings by `{command}`; a test fails when it is out of
date. On an installation, `claimx-run config show --sources` shows each value and where it comes
from, `claimx-run config schema` prints a JSON Schema that knows your plugins' settings too, and
`claimx-run init` writes a file with an example of each.

- A later source wins: defaults, the file, the environment, the command line (`--set
  broker.prefix=test.`).
- Any value may be `${{VARIABLE}}` or `${{VARIABLE:-default}}`. A variable that is set but empty is
  an error of the setting that uses it.
- `*` in a name means any name that you choose, `[]` the entries of a list.
- A default in *italics* says where the value comes from if none is given.
"""

UNSET = "*none*"


@frozen
class Rows:
    """The rows of a table of settings, from the schema that defines them."""

    schema: Schema
    variables: Mapping[str, list[str]] = field(factory=dict)
    """Setting to the environment variables that set it."""
    searched: bool = False
    """Whether each row has a heading, by which the search finds the setting."""

    def of(self, prefix: str, kind: Schema) -> Iterator[str]:
        """Yield a row for each setting beneath *prefix*, and for those beneath them."""
        kind = self._resolved(kind)
        required = kind.get("required", ())
        for name, each in kind.get("properties", {}).items():
            path = f"{prefix}.{name}" if prefix else name
            if "properties" not in self._resolved(each):
                default = "**required**" if name in required else default_of(each)
                yield self._row(path, f"{type_of(each)} | {default}", cell(self._what(path, each)))
            yield from self.of(path, each)
        for end, key in ((".*", "additionalProperties"), ("[]", "items")):
            if isinstance(inner := kind.get(key), dict):
                yield from self.of(prefix + end, inner)

    def _row(self, path: str, facts: str, what: str) -> str:
        if self.searched:
            return f"| {titled(f'`{path}`', path, what)} | {facts} |"
        return f"| `{path}` | {facts} | {what} |"

    def _what(self, path: str, kind: Schema) -> str:
        what = sentence(kind.get("description", ""))
        if found := self.variables.get(path):
            what += f" Environment: {', '.join(f'`{name}`' for name in found)}."
        return what

    def _resolved(self, kind: Schema) -> Schema:
        for choice in (kind, *kind.get("anyOf", ())):
            if "$ref" in choice:
                found: Schema = self.schema["$defs"][choice["$ref"].rpartition("/")[2]]
                return found
        return kind


def sentence(text: str) -> str:
    """Return *text* on one line, with code as Markdown has it."""
    return " ".join(text.replace("``", "`").split())


def cell(text: str) -> str:
    """Return *text* as it may be in a table."""
    return text.replace("|", r"\|")


def type_of(kind: Schema) -> str:
    """Return the type of a setting in words, with its bounds."""
    found = list(dict.fromkeys(_types(kind)))
    return cell(" or ".join(each for each in found if each != "null") or "any value")


def _types(kind: Schema) -> Iterator[str]:
    for choice in kind.get("anyOf", [kind]):
        if "pattern" in choice:
            continue
        if "enum" in choice:
            yield ", ".join(f"`{value}`" for value in choice["enum"])
        elif choice.get("type") == "array":
            yield f"list of {type_of(choice['items'])}s"
        elif isinstance(choice.get("type"), list):
            yield "mapping"
        elif "type" in choice:
            yield str(choice["type"]) + _bounds(choice)


def _bounds(kind: Schema) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{word} {kind[key]:g}" for key, word in words.items() if key in kind]
    return f" {', '.join(found)}" if found else ""


def default_of(kind: Schema) -> str:
    """Return the default of a setting as YAML writes it."""
    if "default" not in kind:
        return UNSET
    value = kind["default"]
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return cell(f"`{value}`") if value != "" else UNSET


def sections() -> tuple[SettingsSection, ...]:
    """Return the sections and variables that plugins of the two distributions bring."""
    return tuple(Pipeline.load(environ={}, cwd=Path("/nonexistent")).loaded.sections)


def variables(found: tuple[SettingsSection, ...]) -> dict[str, list[str]]:
    """Return the setting of each environment variable, with the variables that set it."""
    by_path: dict[str, list[str]] = {}
    for table in (CORE_ENVIRONMENT, *(section.environment for section in found)):
        for name, path in table.items():
            by_path.setdefault(path, []).append(name)
    return by_path


def page() -> str:
    """Return the page."""
    brought = sections()
    schema = settings_schema(brought)
    rows = Rows(schema, variables(brought), searched=True)
    parts = [HEAD.format(command=COMMAND)]
    for name, kind in schema["properties"].items():
        parts += [f"## `{name}`\n", f"{sentence(kind.get('description', ''))}\n"]
        parts += ["| Setting | Type | Default |", "|---|---|---|"]
        parts += [*rows.of(name, kind), ""]
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
