"""Reads the completed cabinet form: entry point ``itel_cabinet_form``.

``parse_form`` is a pure function from the ClaimX API's answer to typed columns, photos,
a readable report and a list of what did not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from claimx_pipeline import hookimpl
from claimx_pipeline.hooks import Command
from itel_cabinet_plugin.form.model import CabinetForm, FormAttachment, ParsedForm, Unmatched
from itel_cabinet_plugin.form.parse import parse_form

if TYPE_CHECKING:
    from claimx_pipeline.stages import Stage

__all__ = ["CabinetForm", "FormAttachment", "ParsedForm", "Unmatched", "parse_form"]

domains = ("claimx",)
"""It is about tasks of ClaimX."""


@hookimpl
def claimx_register_stages() -> Mapping[str, type[Stage]]:
    """Offer the stage ``itel_form``."""
    from itel_cabinet_plugin.form.stage import FormStage  # noqa: PLC0415 - only workers need it

    return {"itel_form": FormStage}


@hookimpl
def claimx_register_commands() -> Iterable[Command]:
    """Add ``claimx-run itel``."""
    return [
        Command(
            "itel", "Look at cabinet forms.", "itel_cabinet_plugin.command:app", panel="Plugins"
        )
    ]
