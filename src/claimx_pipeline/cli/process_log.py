"""The log lines of a process of workers, and what it tells the person who started it."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hooks.output import note, warn

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)

Say = Callable[[str], None]


@contextmanager
def process_log(pipeline: Pipeline) -> Iterator[Say]:
    """Have all lines written as the settings ask for, until the block ends.

    Where they are JSON there is no other line among them: what is said is a line as well, and so
    is the error that the command ends with.

    Yields:
        Says something to the person at the keyboard, whatever level is logged.
    """
    from claimx_pipeline.cli.main import exit_code
    from claimx_pipeline.connections.known_secrets import redactor_of
    from claimx_pipeline.telemetry.log import logging_of_process
    from claimx_pipeline.telemetry.log_files import file_of

    domains = frozenset[str]().union(*(spec.sets for spec in pipeline.workers.values()))
    files = {name: file_of(name, domains) for name in pipeline.workers}
    redactor, settings = redactor_of(pipeline.loaded), pipeline.settings.logging
    with logging_of_process(settings, redactor, files) as form:
        try:
            yield note if form == "plain" else _said
        except Exception as error:
            traced = not isinstance(error, ClaimxError) or "--debug" in sys.argv
            if form == "plain":
                shown = f"{traceback.format_exc()}\n" if traced else ""
                warn(redactor.text(f"{shown}claimx-run: {error}"))
            else:
                log.critical("claimx-run: %s", error, exc_info=traced)
            sys.exit(exit_code(error))


def _said(text: str) -> None:
    # Past the level: it is the answer to a command, not a report of the work.
    line = logging.LogRecord(log.name, logging.INFO, __file__, 0, "%s", (text,), None)
    logging.getLogger().handle(line)
