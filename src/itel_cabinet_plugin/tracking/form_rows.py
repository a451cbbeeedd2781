"""Stage ``itel_form_rows``: the rows of a form and of its photos."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, Final

from attrs import asdict, frozen

from claimx_pipeline import RecordError
from claimx_pipeline.stages import Item, RecordStage
from claimx_pipeline.tables import TableRow
from itel_cabinet_plugin.form.model import ParsedForm
from itel_cabinet_plugin.tables import ATTACHMENTS, FORMS

_NO_COLUMN: Final = frozenset({"url", "created_at"})
"""Of a photo: a link ends, ``blob_path`` stays; and the table knows when a row was made."""


@frozen(kw_only=True)
class FormRowsConfig:
    """Options of ``itel_form_rows``."""

    form_field: str = "form"
    """Field with the ``ParsedForm``."""


class FormRowsStage(RecordStage):
    """Adds one row for the form and one for each photo, whatever the task's status.

    Which answer is the later one the tables see for themselves, so an event that comes late
    takes nothing back.
    """

    config_class: ClassVar[type[Any]] = FormRowsConfig

    def __init__(self, config: FormRowsConfig) -> None:
        self.config = config

    async def process_one(self, item: Item) -> None:
        """Add the rows; none while the record waits for ClaimX.

        Raises:
            RecordError: Permanent; there is no form.
        """
        if item.unfinished is not None:
            return
        parsed = item.data.get(self.config.form_field)
        if not isinstance(parsed, ParsedForm):
            raise RecordError(
                f"field {self.config.form_field!r} holds no form; stage itel_form must come before"
            )
        item.rows.append(TableRow(FORMS.name, asdict(parsed.form)))
        item.rows += photo_rows(parsed)


def photo_rows(parsed: ParsedForm) -> Iterator[TableRow]:
    """Yield one row for each photo of a form."""
    for photo in parsed.attachments:
        row = {name: value for name, value in asdict(photo).items() if name not in _NO_COLUMN}
        yield TableRow(ATTACHMENTS.name, {**row, "ingested_at": parsed.form.ingested_at})
