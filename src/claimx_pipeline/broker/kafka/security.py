"""What the settings say of Kafka's encryption and login: what is wrong with it, what it leads to.

Everything that nothing outside decides is found here, before anything connects.
"""

from __future__ import annotations

import ssl
from pathlib import Path

from claimx_pipeline.connections.credential import secret_problems, token_url_problems
from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.loading.unresolved import Unresolved
from claimx_pipeline.settings.tree.broker import KafkaOAuthSettings, KafkaSettings
from claimx_pipeline.system_errors import reason_of

SECTION = "broker.kafka"
OAUTHBEARER = "OAUTHBEARER"

_TLS_FILES = ("certificate_file", "key_file")
"""Files that mean nothing without encryption. ``ca_file`` was accepted there from the first
version on, and still is."""


def check_security(kafka: KafkaSettings) -> ssl.SSLContext | None:
    """Return the TLS that *kafka* describes; None for a connection without.

    Raises:
        SettingsError: Every problem found with login and files.
    """
    problems = [*login_problems(kafka), *_tls_problems(kafka)]
    context = None
    if kafka.security_protocol.endswith("SSL"):
        try:
            context = _tls_context(kafka)
        except SettingsError as error:
            problems += error.problems
    if problems:
        raise SettingsError(problems)
    return context


def login_problems(kafka: KafkaSettings) -> list[Problem]:
    """Return what is wrong with how the client is to log in."""
    protocol, mechanism = kafka.security_protocol, kafka.sasl_mechanism
    if not protocol.startswith("SASL"):
        why = f"but security_protocol is {protocol!r}, which has no login; write SASL_SSL"
        if mechanism != "PLAIN":
            return [Problem(f"{SECTION}.sasl_mechanism", f"is {mechanism!r}, {why}")]
        return [Problem(f"{SECTION}.oauth", f"is set, {why}")] if _is_set(kafka.oauth) else []
    if mechanism == OAUTHBEARER:
        return _oauth_problems(kafka)
    problems = []
    if kafka.username is None or kafka.password is None:
        problems.append(Problem(SECTION, f"{protocol} needs a username and a password"))
    if _is_set(kafka.oauth):
        what = f"is set, but sasl_mechanism is {mechanism!r}; write OAUTHBEARER, or remove it"
        problems.append(Problem(f"{SECTION}.oauth", what))
    return problems


def _is_set(oauth: KafkaOAuthSettings) -> bool:
    return any(
        value is not None
        for value in (
            oauth.client_id,
            oauth.client_secret,
            oauth.client_secret_file,
            oauth.token_url,
        )
    )


def _oauth_problems(kafka: KafkaSettings) -> list[Problem]:
    oauth, where = kafka.oauth, f"{SECTION}.oauth"
    problems = [
        Problem(f"{SECTION}.{name}", "goes with PLAIN and SCRAM; with OAUTHBEARER remove it")
        for name, value in (("username", kafka.username), ("password", kafka.password))
        if value is not None
    ]
    problems += [
        Problem(f"{where}.{name}", "is not set, but sasl_mechanism is 'OAUTHBEARER'; set it")
        for name, value in (("client_id", oauth.client_id), ("token_url", oauth.token_url))
        if value is None
    ]
    if oauth.token_url is not None and not isinstance(oauth.token_url, Unresolved):
        problems += token_url_problems(where, oauth.token_url)
    if not isinstance(oauth.client_secret, Unresolved) and not isinstance(
        oauth.client_secret_file, Unresolved
    ):
        problems += secret_problems(where, oauth.client_secret, oauth.client_secret_file)
    return problems


def _tls_problems(kafka: KafkaSettings) -> list[Problem]:
    """Return what does not fit together; whether the files can be used is found by using them."""
    if not kafka.security_protocol.endswith("SSL"):
        return [
            Problem(
                f"{SECTION}.{name}",
                f"is set, but security_protocol is {kafka.security_protocol!r}, which does not "
                "encrypt; write SSL or SASL_SSL",
            )
            for name in _TLS_FILES
            if getattr(kafka, name) is not None
        ]
    if kafka.certificate_file is not None:
        return []
    return [
        Problem(f"{SECTION}.{name}", "goes with certificate_file, which is not set; set it too")
        for name in ("key_file", "key_password")
        if getattr(kafka, name) is not None
    ]


def _tls_context(kafka: KafkaSettings) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=kafka.ca_file)
    except OSError as error:
        what = f"{kafka.ca_file!r} cannot be used: {reason_of(error)}; name a PEM file"
        raise SettingsError([Problem(f"{SECTION}.ca_file", what)]) from error
    if kafka.certificate_file is None:
        return context
    for name in ("certificate_file", "key_file"):
        if (file := getattr(kafka, name)) is not None and not Path(file).is_file():
            raise SettingsError([Problem(f"{SECTION}.{name}", f"{file!r} is not a file")])
    password = kafka.key_password.reveal() if kafka.key_password else ""
    try:
        # Without a password OpenSSL would ask for it on the terminal.
        context.load_cert_chain(kafka.certificate_file, kafka.key_file, lambda: password)
    except OSError as error:
        name = "certificate_file" if kafka.key_file is None else "key_file"
        what = (
            f"{getattr(kafka, name)!r} cannot be used: {reason_of(error)}; check that it is a PEM "
            "file, that key and certificate belong together and that key_password is right"
        )
        raise SettingsError([Problem(f"{SECTION}.{name}", what)]) from error
    return context
