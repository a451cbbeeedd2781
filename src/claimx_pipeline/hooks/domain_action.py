"""What plugins may ask of a domain's own service, besides what every plugin may do."""

from __future__ import annotations

from typing import Any, ClassVar

from attrs import frozen


@frozen(kw_only=True)
class DomainAction:
    """Has a domain's service do something; worker ``actions`` does it.

    A subclass is an attrs class of JSON values; the domain's ``ActionKind`` of the same name
    carries it out.
    """

    kind: ClassVar[str] = ""
    """Name of the ``ActionKind``."""

    def asked(self, domain: str, key: str) -> Any:  # noqa: ARG002 - for subclasses
        """Return what is asked, as an object of the class that the ``ActionKind`` reads.

        Args:
            domain: The domain of the event that it is asked for.
            key: The event's key.

        Raises:
            ValueError: It cannot be carried out for such an event.
        """
        return self
