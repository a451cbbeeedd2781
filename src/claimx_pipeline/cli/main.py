"""The root of ``claimx-run``: global options, the list of commands, how errors end."""

from __future__ import annotations

import io
import os
import sys
import traceback
from contextlib import suppress
from difflib import get_close_matches
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.examples import with_examples
from claimx_pipeline.cli.mistyped import sentence
from claimx_pipeline.errors import ClaimxError, PluginLoadError, Refusals, SettingsError, UsageError
from claimx_pipeline.hooks.command import Command
from claimx_pipeline.hooks.manner import manner
from claimx_pipeline.hooks.output import warn
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.plugins.host.info import PluginInfo
    from claimx_pipeline.settings.tree.plugins import PluginsSettings

FAILED, USAGE = 1, 2

COMPLETE = "_CLAIMX_RUN_COMPLETE"
"""Variable with which a shell asks, by Typer's rule for a program of this name."""


class LazyGroup(TyperGroup):
    """Lists every command by its summary and imports one only to run it."""

    @cached_property
    def core(self) -> dict[str, Command]:
        """Commands of the core by name; no plugin is loaded to run one."""
        from claimx_pipeline import builtin

        return {each.name: each for each in builtin.claimx_register_commands()}

    @cached_property
    def known(self) -> dict[str, tuple[Command, PluginInfo | None]]:
        """Commands of the core and of the plugins, by name; what is wrong with one is reported."""
        from claimx_pipeline import builtin
        from claimx_pipeline.plugins.host.commands import commands_of
        from claimx_pipeline.plugins.host.loading import load_plugins

        settings, refusals = _plugins_section(), Refusals(collects=True)
        plugins = load_plugins(
            settings,
            core=builtin,
            directory=_plugins_directory(settings),
            environ=os.environ,
            tolerant=True,
        )
        found = commands_of(plugins, refusals)
        for problem in refusals.problems:
            warn(f"warning: {problem}")
        infos = plugins.infos
        return {name: (command, infos.get(by)) for name, (by, command) in found.items()}

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a line and end the process; what is wrong with the line is one sentence.

        Raises:
            UsageError: It is not as a command can be typed.
        """
        try:
            code = super().main(*args, **{**extra, "standalone_mode": False})
        except typer.Abort:
            warn("claimx-run: stopped; nothing was answered")
            sys.exit(FAILED)
        except Exception as error:
            if not hasattr(error, "format_message"):
                raise
            if type(error).__name__ == "NoArgsIsHelpError":
                sys.stderr.write(f"{error.format_message()}\n")
                sys.exit(USAGE)
            raise UsageError(sentence(error)) from error
        sys.exit(code)

    def invoke(self, ctx: Any) -> None:
        """Run the command; what it returns is not the process's exit code."""
        super().invoke(ctx)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that is to be run; a misspelt one is refused with the one meant."""
        if args and args[0] not in self.core and args[0] not in self.known:
            meant = get_close_matches(args[0], self.known, 1)
            hint = f"did you mean {meant[0]!r}?" if meant else "'claimx-run --help' lists them"
            raise UsageError(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names in the order of their registration."""
        del ctx
        return list(self.known)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Import the command that is to be run; None if there is none of that name.

        Raises:
            ClaimxError: A plugin's command cannot be imported.
        """
        del ctx
        from claimx_pipeline.plugins.host.commands import target_of

        found = (self.core[cmd_name], None) if cmd_name in self.core else self.known.get(cmd_name)
        if found is None:
            return None
        real = typer.main.get_command(target_of(*found))
        real.name = cmd_name
        with_examples(cmd_name, real)
        return real

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands under their headings, from their summaries alone."""
        del ctx
        panels: dict[str, list[tuple[str, str]]] = {}
        for command, _ in self.known.values():
            panels.setdefault(command.panel, []).append((command.name, command.summary))
        for panel, rows in panels.items():
            with formatter.section(panel):
                formatter.write_dl(rows)


def _plugins_directory(settings: PluginsSettings) -> Path | None:
    """Return the folder of plugins; None if there is none that can be read."""
    from claimx_pipeline.plugins.host.directory import see_into

    if not settings.dir:
        return None
    folder = Path.cwd() / settings.dir
    try:
        see_into(folder, "plugins.dir")
    except SettingsError as error:
        warn(f"warning: {error}")
        return None
    return folder


def _plugins_section() -> PluginsSettings:
    """Return the ``plugins`` section, so that a plugin switched off is not even imported."""
    from claimx_pipeline.settings.loader import (
        plugins_settings,
        read_sources,
    )
    from claimx_pipeline.settings.tree.plugins import PluginsSettings

    config = _given_config()
    try:
        sources = read_sources(config, environ=os.environ, overrides={}, cwd=Path.cwd())
        return plugins_settings(sources)
    except SettingsError:
        return PluginsSettings()  # the command that is run will say what is wrong


def _given_config() -> Path | None:
    """Return the settings file that the command line names; its last one, as Typer takes it."""
    config = None
    for argument, following in zip(sys.argv[1:], [*sys.argv[2:], None], strict=False):
        if argument == "--config" and following is not None:
            config = Path(following)
        elif argument.startswith("--config="):
            config = Path(argument.partition("=")[2])
    return config


def show_version(asked: bool) -> None:
    """Print the versions and stop."""
    if asked:
        typer.echo(f"claimx-pipeline {metadata.version('claimx-pipeline')}")
        raise typer.Exit


app = typer.Typer(
    cls=LazyGroup,
    no_args_is_help=True,
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.callback()
def root(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(help="Settings file or folder; ./claimx.yaml if there.", show_default=False),
    ] = None,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    quiet: Annotated[
        bool,
        typer.Option("--quiet", "-q", help="Print results, warnings and errors, nothing else."),
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Show the version and stop.", is_eager=True, callback=show_version
        ),
    ] = False,
) -> None:
    """ClaimX events from Kafka, enriched from the ClaimX API, kept in Delta Lake.

    New here? 'claimx-run demo' runs everything on sample events and shows the result.
    """
    del version
    manner.quiet = quiet
    manner.colours = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    context.obj = CommandLine(config, debug)


def exit_code(error: Exception) -> int:
    """Return what a command ends with that failed with *error*."""
    wrong_use = isinstance(error, (SettingsError, UsageError, PluginLoadError))
    return USAGE if wrong_use else FAILED


def _complete() -> None:
    """Answer a shell that asks which words may follow, and end the process."""
    from typer.completion import get_completion_inspect_parameters

    get_completion_inspect_parameters()  # makes Typer know the shells
    with suppress(ClaimxError):
        app()
    sys.exit(0)  # what is wrong with the line is said when it is run


def main() -> None:
    """Run the command line and end the process with 0 done, 1 failed, 2 usage."""
    # What libraries below the tables log goes to the terminal past our logging; the cause is
    # in the error that is raised.
    os.environ.setdefault("RUST_LOG", "off")
    if COMPLETE in os.environ:
        _complete()
    _open_missing()
    _show_anything()
    try:
        try:
            app()
        finally:
            sys.stdout.flush()  # while it can still be said that it failed
    except ClaimxError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        from claimx_pipeline.cli.program import typed

        sys.stderr.write(f"claimx-run: {typed(str(error), _given_config())}\n")
        sys.exit(exit_code(error))
    except UnicodeEncodeError:
        broken = [each for each in sys.argv if not _is_text(each)]
        if "--debug" in sys.argv or not broken:
            raise
        sys.stderr.write(f"claimx-run: {broken[0]!r} is not UTF-8; type it as UTF-8\n")
        sys.exit(USAGE)
    except BrokenPipeError:
        # The reader of our output has closed it; nothing more can be shown there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except OSError as error:
        if "--debug" in sys.argv:
            traceback.print_exc()
        named = f"{error.filename} cannot be used" if error.filename else _unnamed(error)
        sys.stderr.write(f"claimx-run: {named}: {reason_of(error)}\n")
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)


def _unnamed(error: OSError) -> str:
    """Return what failed, of an error of the system that names no file."""
    if isinstance(error, FileNotFoundError):
        return "the working folder cannot be used"
    return "the output, or a file, cannot be written"


def _is_text(argument: str) -> bool:
    """Return whether *argument* was UTF-8; file names of other bytes are kept as they are."""
    return argument.isascii() or not any("\ud800" <= each <= "\udfff" for each in argument)


def _show_anything() -> None:
    """Write what the terminal's encoding lacks as its number; a name may be in any alphabet."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _open_missing() -> None:
    """Open what the caller has closed: nothing is shown there, and nothing fails for it."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - for the whole process
