"""What is to be deployed: every worker, and the variables that the settings read."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

FIRST_PORT = 9101
"""Of the health servers of one machine, in the order of the workers."""

CONTAINER_PORT = 8080
"""Of every health server in a container of its own."""

CLOSING_SECONDS = 22
"""What a process may take beside its workers' own limit: closing the broker and the tables."""


@frozen(kw_only=True)
class DeployedWorker:
    """A worker as a service of its own."""

    name: str
    """What ``claimx-run worker`` calls it."""
    service: str
    """What the unit, the Deployment or the compose service is called."""
    summary: str
    group: str
    """Consumer group, as the broker calls it."""
    topics: Sequence[str]
    """What it reads, as the broker calls it."""
    members: int
    """Most members that can have a partition."""
    waits: bool
    """Whether its records wait on purpose, so that its lag says nothing about its load."""
    stop_seconds: int
    """How long it may take from the signal to its end."""
    port: int
    """Of its health server where all are on one machine."""


@frozen(kw_only=True)
class DeployedVariable:
    """An environment variable that the settings read."""

    name: str
    setting: str
    """Dotted path of what it sets."""
    needed: bool
    """Whether a setting waits for it."""


@frozen(kw_only=True)
class Deployment:
    """Everything that is to be deployed."""

    version: str
    workers: Sequence[DeployedWorker]
    variables: Sequence[DeployedVariable]
