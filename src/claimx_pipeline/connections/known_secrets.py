"""What removes the credentials of the settings from all that is shown or kept."""

from __future__ import annotations

from claimx_pipeline.redaction import Redactor
from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.secrets_of import secrets_of


def redactor_of(loaded: LoadedSettings) -> Redactor:
    """Return a redactor that knows the credentials in the settings by their value."""
    return Redactor(secrets_of(loaded))
