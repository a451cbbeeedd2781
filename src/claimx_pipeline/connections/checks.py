"""What is wrong with the settings of HTTP services, as far as nothing outside decides."""

from __future__ import annotations

import ssl

from claimx_pipeline.connections.credential import secret_problems
from claimx_pipeline.errors import Problem
from claimx_pipeline.settings.loading.unresolved import Unresolved
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.network import DIRECT, NetworkSettings
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.system_errors import reason_of


def service_problems(settings: Settings) -> list[Problem]:
    """Return what is wrong with proxies, authorities and clients' credentials in *settings*.

    What waits for a variable is looked at when it is used.
    """
    problems = network_problems(settings)
    for name, connection in settings.connections.items():
        problems += _client_problems(f"connections.{name}.oauth2", connection)
    return problems


def _client_problems(where: str, connection: ConnectionSettings) -> list[Problem]:
    oauth2 = connection.oauth2
    if oauth2 is None or isinstance(oauth2, Unresolved):
        return []
    given = oauth2.client_secret, oauth2.client_secret_file
    if any(isinstance(value, Unresolved) for value in given):
        return []
    return secret_problems(where, *given)


def network_problems(settings: Settings) -> list[Problem]:
    """Return what is wrong with proxies and authorities in *settings*, wherever they are."""
    named = settings.connections.items()
    sections = {
        "network": settings.network,
        "claimx.api.network": settings.claimx.api.network,
        "media.network": settings.media.network,
        "broker.kafka.oauth.network": settings.broker.kafka.oauth.network,
        **{f"connections.{name}.network": each.network for name, each in named},
    }
    problems = []
    for where, network in sections.items():
        if where == "network" or network.proxy is not None:
            problems += _login_problems(where, network)
        elif network.proxy_username is not None and settings.network.proxy is None:
            what = "is set, but there is no proxy; set proxy too"
            problems.append(Problem(f"{where}.proxy_username", what))
        if network.ca_file is not None and not isinstance(network.ca_file, Unresolved):
            problems += _authority_problems(where, network.ca_file)
    return problems


def _login_problems(where: str, network: NetworkSettings) -> list[Problem]:
    user, password, proxy = network.proxy_username, network.proxy_password, network.proxy
    if user is None and password is not None:
        what = "is set without proxy_username; set both, or none"
        return [Problem(f"{where}.proxy_password", what)]
    if user is not None and password is None:
        return [Problem(f"{where}.proxy_username", "is set without proxy_password; set both")]
    if isinstance(proxy, Unresolved):
        return []
    if user is not None and (proxy is None or proxy == DIRECT):
        return [Problem(f"{where}.proxy_username", "is set, but there is no proxy; set proxy too")]
    return []


def _authority_problems(where: str, file: str) -> list[Problem]:
    try:
        ssl.create_default_context(cafile=file)
    except OSError as error:
        what = f"{file!r} cannot be used: {reason_of(error)}; name a PEM file of certificates"
        return [Problem(f"{where}.ca_file", what)]
    return []
