"""Checks a payload against the schema shipped with this package."""

from __future__ import annotations

from importlib import resources
from typing import Any, Final

import msgspec

from claimx_pipeline import RecordError

V1_SCHEMA: Final = "schemas/cabinet_repair_submission.schema.json"
VENDOR_SCHEMA: Final = "schemas/vendor_submission.schema.json"
VENDOR_2026_SCHEMA: Final = "schemas/vendor_2026_submission.schema.json"
_LISTED_AT_MOST: Final = 5


class SubmissionSchema:
    """A JSON Schema (draft 7) of what iTel is sent."""

    def __init__(self, schema: str = V1_SCHEMA) -> None:
        import jsonschema_rs  # noqa: PLC0415 - only the worker that sends needs it

        content = resources.files("itel_cabinet_plugin").joinpath(schema).read_bytes()
        # Masked, because the errors end in logs and dead letters and the values are people's.
        self._validator = jsonschema_rs.Draft7Validator(
            msgspec.json.decode(content), validate_formats=True, mask="the value"
        )

    def check(self, payload: dict[str, Any]) -> None:
        """Accept *payload* or say what is wrong with it.

        Raises:
            RecordError: Permanent; names the JSON path of each mistake.
        """
        if self._validator.is_valid(payload):
            return
        errors = list(self._validator.iter_errors(payload))
        mistakes = [f"{_json_path(error.instance_path)}: {error.message}" for error in errors]
        more = len(mistakes) - _LISTED_AT_MOST
        listed = "; ".join(mistakes[:_LISTED_AT_MOST]) + (f"; and {more} more" if more > 0 else "")
        raise RecordError(f"the form makes no valid submission: {listed}")


def _json_path(parts: list[str | int]) -> str:
    steps = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    return "$" + "".join(steps)
