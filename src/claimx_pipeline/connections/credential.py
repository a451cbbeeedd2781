"""How a connection shows who it is."""

from __future__ import annotations

from urllib.parse import urlsplit

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.tree import ConnectionSettings

_USUAL_HEADER = {"bearer": "Authorization", "basic": "Authorization", "api_key": "X-API-Key"}
_PREFIX = {"bearer": "Bearer ", "basic": "Basic ", "api_key": ""}


def token_of(settings: ConnectionSettings) -> str:
    """Return the token; a byte-order mark and line ends from a secret file are left out."""
    return settings.auth_token.reveal().strip("\ufeff \t\r\n") if settings.auth_token else ""


def credential_headers(settings: ConnectionSettings) -> dict[str, str]:
    """Return the headers that carry the credential; none for ``auth_type: none``."""
    if settings.auth_type == "none":
        return {}
    header = settings.auth_header or _USUAL_HEADER[settings.auth_type]
    return {header: _PREFIX[settings.auth_type] + token_of(settings)}


def check_connection(name: str, settings: ConnectionSettings) -> None:
    """Refuse settings that no request could be made with.

    Raises:
        SettingsError: Every problem found.
    """
    problems = []
    parts = urlsplit(settings.base_url)
    if parts.scheme not in {"http", "https", "file"} or not (parts.netloc or parts.path):
        problems.append(
            Problem(
                f"connections.{name}.base_url",
                "must start with http://, https:// or file:// and name a host or folder",
            )
        )
    if "@" in parts.netloc or parts.query:
        problems.append(
            Problem(
                f"connections.{name}.base_url",
                "must not hold a credential or a query; use auth_type and auth_token",
            )
        )
    problems += _token_problems(name, settings)
    if problems:
        raise SettingsError(problems)


def _token_problems(name: str, settings: ConnectionSettings) -> list[Problem]:
    where = f"connections.{name}.auth_token"
    if settings.auth_type == "none":
        return []
    token = token_of(settings)
    if not token:
        return [Problem(where, f"is empty, but auth_type is {settings.auth_type!r}; set it")]
    word = _PREFIX[settings.auth_type].strip().lower()
    if word and token.lower().startswith(f"{word} "):
        return [Problem(where, f"starts with {word!r}, which is added by itself; leave it out")]
    if not token.isprintable() or not token.isascii():
        return [Problem(where, "holds characters that no header can carry")]
    return []
