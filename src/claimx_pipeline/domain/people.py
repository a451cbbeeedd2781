"""Where a domain keeps what is known of the people that a claim is about."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen


@frozen(kw_only=True)
class PersonColumns:
    """Columns of a table that name a person; the claim's key is in the same row."""

    table: str
    """Name of the table."""
    names: tuple[str, ...] = ()
    """Columns that are the person's name together, in the order in which it is written."""
    addresses: tuple[str, ...] = ()
    """Columns of which each holds an e-mail address or a phone number."""
    only: Mapping[str, str] = field(factory=dict)
    """Column to the value that it has in rows about such people; others are left out."""
