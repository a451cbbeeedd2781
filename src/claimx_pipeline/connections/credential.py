"""How a connection shows who it is."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.system_errors import reason_of

_USUAL_HEADER = {
    "bearer": "Authorization",
    "basic": "Authorization",
    "api_key": "X-API-Key",
    "oauth2": "Authorization",
}
_PREFIX = {"bearer": "Bearer ", "basic": "Basic ", "api_key": "", "oauth2": "Bearer "}


def clean(token: str) -> str:
    """Return *token* without what files put round it: byte-order mark, blanks, line ends."""
    return token.strip("\ufeff \t\r\n")


def token_of(settings: ConnectionSettings) -> str:
    """Return the token in the settings; empty if there is none."""
    return clean(settings.auth_token.reveal()) if settings.auth_token else ""


def credential_headers(settings: ConnectionSettings, token: str) -> dict[str, str]:
    """Return the headers that carry *token*; none for ``auth_type: none``."""
    if settings.auth_type == "none":
        return {}
    header = settings.auth_header or _USUAL_HEADER[settings.auth_type]
    return {header: _PREFIX[settings.auth_type] + token}


def token_problem(token: str, auth_type: str) -> str | None:
    """Return what is wrong with a cleaned *token*, without showing it; None if nothing is."""
    if not token:
        return f"is empty, but auth_type is {auth_type!r}; set it"
    word = _PREFIX[auth_type].strip().lower()
    if word and token.lower().startswith(f"{word} "):
        return f"starts with {word!r}, which is added by itself; leave it out"
    if not token.isprintable() or not token.isascii():
        return "holds characters that no header can carry"
    return None


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
    if settings.probe and "://" in settings.probe:
        problems.append(
            Problem(f"connections.{name}.probe", "must be a path below base_url, not a URL")
        )
    if settings.auth_type == "oauth2":
        problems += _oauth2_problems(name, settings)
    elif settings.auth_type != "none":
        problems += _token_problems(name, settings)
    if problems:
        raise SettingsError(problems)


def _token_problems(name: str, settings: ConnectionSettings) -> list[Problem]:
    where = f"connections.{name}.auth_token"
    token = token_of(settings)
    if settings.auth_token_file is None:
        problem = token_problem(token, settings.auth_type)
        return [Problem(where, problem)] if problem else []
    if token:
        return [Problem(where, "is set beside auth_token_file; keep one of the two")]
    return []


def _oauth2_problems(name: str, settings: ConnectionSettings) -> list[Problem]:
    where = f"connections.{name}"
    problems = [
        Problem(
            f"{where}.{key}", f"goes with a token that is given; with oauth2 write '{key}: null'"
        )
        for key, value in (
            ("auth_token", settings.auth_token),
            ("auth_token_file", settings.auth_token_file),
        )
        if value is not None
    ]
    oauth2 = settings.oauth2
    if oauth2 is None:
        what = "is not set, but auth_type is 'oauth2'; set client_id, client_secret and token_url"
        return [*problems, Problem(f"{where}.oauth2", what)]
    return [
        *problems,
        *token_url_problems(f"{where}.oauth2", oauth2.token_url),
        *secret_problems(f"{where}.oauth2", oauth2.client_secret, oauth2.client_secret_file),
    ]


def token_url_problems(where: str, url: str) -> list[Problem]:
    """Return what is wrong with the address of a token service in section *where*."""
    problems = []
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc:
        what = "must start with https:// or http:// and name a host"
        problems.append(Problem(f"{where}.token_url", what))
    if "@" in parts.netloc or parts.query:
        what = "must not hold a credential or a query"
        problems.append(Problem(f"{where}.token_url", what))
    return problems


def secret_problems(where: str, secret: Secret | None, file: str | None) -> list[Problem]:
    """Return what is wrong with a client's credential, given itself or in a file.

    Args:
        where: Section of the settings.
        secret: The credential.
        file: Path of the file.
    """
    if secret is not None and file is not None:
        what = "is set beside client_secret_file; keep one of the two"
        return [Problem(f"{where}.client_secret", what)]
    if file is not None:
        try:
            read_secret(Path(file))
        except ValueError as error:
            return [Problem(f"{where}.client_secret_file", f"{file} {error}")]
        return []
    if secret is None or not clean(secret.reveal()):
        what = "is empty; set it" if secret else "is not set; set it, or client_secret_file"
        return [Problem(f"{where}.client_secret", what)]
    return []


def read_secret(path: Path) -> str:
    """Return the credential in a file.

    Raises:
        ValueError: There is none; says why, without showing anything.
    """
    try:
        secret = clean(path.read_bytes().decode())
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None
    except OSError as error:
        raise ValueError(f"cannot be read: {reason_of(error)}") from None
    if not secret:
        raise ValueError("is empty")
    return secret
