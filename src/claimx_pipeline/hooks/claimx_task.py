"""The action that is named for ClaimX. It was public before there were other domains."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self

from attrs import evolve, frozen

from claimx_pipeline.hooks.domain_action import DomainAction
from claimx_pipeline.topics import BRAND


@frozen(kw_only=True)
class CreateClaimxTask(DomainAction):
    """Have ClaimX create a task; worker ``actions`` does it."""

    kind: ClassVar[str] = "create_claimx_task"
    """Name of the action, for metrics and messages."""

    task_type: str
    """For example ``CUSTOM_TASK_ASSIGN_EXTERNAL_LINK``."""
    task_data: dict[str, Any]
    """What ClaimX wants to know for the type: ``customTaskName``, ``customTaskId``, …"""
    project_id: str | None = None
    """The project; the event's own if neither it nor ``claim_number`` is given."""
    claim_number: str | None = None
    """ClaimX is asked for the project of this claim."""
    connection: str = "claimx_api"
    """The connection that carries it out."""
    use_primary_contact_as_sender: bool = True
    """Whether the claim's primary contact is named as the sender."""
    sender_username: str | None = None
    """ClaimX user who is named as the sender otherwise."""

    def asked(self, domain: str, key: str) -> CreateClaimxTask:
        """Return the task with its project: that of the event if none is named.

        Raises:
            ValueError: None is named, and the event is not one of ClaimX.
        """
        if self.project_id or self.claim_number is not None:
            # An empty text names no project: settings of rules are often filled that way.
            return evolve(self, project_id=self.project_id or None)
        if domain != BRAND:
            raise ValueError(
                f"a task in ClaimX for an event of domain {domain!r} must name its project or "
                "its claim number"
            )
        return evolve(self, project_id=key)


class ClaimxActions:
    """Adds ``create_claimx_task`` to what a plugin may answer."""

    __slots__ = ()

    if TYPE_CHECKING:

        @classmethod
        def of(cls, *actions: DomainAction, after: timedelta | None = None) -> Self:
            """Return an answer with *actions*; the class that this is mixed into has it."""
            ...

    @classmethod
    def create_claimx_task(  # noqa: PLR0913 - the parts of the request
        cls,
        task_type: str,
        task_data: dict[str, Any],
        *,
        project_id: str | None = None,
        claim_number: str | None = None,
        connection: str = "claimx_api",
        use_primary_contact_as_sender: bool = True,
        sender_username: str | None = None,
        after: timedelta | None = None,
    ) -> Self:
        """Have ClaimX create a task, in the event's own project if none is named.

        *after* defers it, as ``later`` does.
        """
        wanted = CreateClaimxTask(
            task_type=task_type,
            task_data=task_data,
            project_id=project_id,
            claim_number=claim_number,
            connection=connection,
            use_primary_contact_as_sender=use_primary_contact_as_sender,
            sender_username=sender_username,
        )
        return cls.of(wanted, after=after)
