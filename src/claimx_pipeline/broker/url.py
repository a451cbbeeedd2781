"""What a broker URL says."""

from __future__ import annotations

from pathlib import Path

from claimx_pipeline.errors import Problem, SettingsError

SETTING = "broker.url"
KAFKA_PORT = 9092
MAX_PORT = 65535


def kafka_hosts(url: str) -> tuple[str, ...]:
    """Return the ``host:port`` of each server in ``kafka://HOST[:PORT][,HOST[:PORT]]``.

    Raises:
        SettingsError: The URL is not of that form.
    """
    rest = _after("kafka://", url).rstrip("/")
    if "@" in rest:
        raise _wrong(
            "credentials do not belong in the URL; "
            "use broker.kafka.username and broker.kafka.password"
        )
    if not rest or any(sign in rest for sign in "/?# "):
        raise _wrong(f"{url!r} is not of the form kafka://HOST:PORT[,HOST:PORT]")
    return tuple(_host_and_port(part, url) for part in rest.split(","))


def sqlite_path(url: str) -> Path:
    """Return the file that ``sqlite:///FILE`` names.

    FILE is relative to the working directory unless it begins with a slash itself, which
    makes four slashes in a row. ``~`` is the home folder.

    Raises:
        SettingsError: The URL is not of that form.
    """
    rest = _after("sqlite://", url)
    if not rest.startswith("/") or rest == "/" or rest.endswith("/"):
        raise _wrong(
            f"{url!r} is not of the form sqlite:///FILE (relative) or sqlite:////FILE (absolute)"
        )
    return Path(rest[1:]).expanduser()


def _after(prefix: str, url: str) -> str:
    if not url.startswith(prefix):
        raise _wrong(f"{url!r} does not begin with {prefix}")
    return url.removeprefix(prefix)


def _host_and_port(part: str, url: str) -> str:
    bare, bracket, tail = part.partition("]")
    host, colon, port = (bare + bracket, tail[:1], tail[1:]) if bracket else part.partition(":")
    if not host or (bracket and not bare.startswith("[")) or (tail and colon != ":" and bracket):
        raise _wrong(f"{part!r} in {url!r} is not HOST:PORT")
    if not colon:
        return f"{host}:{KAFKA_PORT}"
    if not (port.isascii() and port.isdigit() and 0 < int(port) <= MAX_PORT):
        raise _wrong(f"{port!r} in {url!r} is not a port; use 1 to {MAX_PORT}")
    return f"{host}:{port}"


def _wrong(what: str) -> SettingsError:
    return SettingsError([Problem(SETTING, what)])
