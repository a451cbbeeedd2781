"""What is raised for a request that no whole answer came to."""

from __future__ import annotations

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.call import Call
from claimx_pipeline.connections.network import proxy_failure
from claimx_pipeline.errors import Category


def unanswered(
    call: Call, error: Exception, connection: str, connect_seconds: float, secrets: tuple[str, ...]
) -> RequestFailedError | None:
    """Return what *error*, raised by an exchange, means; None if it is not one of an exchange.

    Args:
        call: The request.
        error: What was raised.
        connection: Name of the connection.
        connect_seconds: How long connecting may take.
        secrets: What must not be shown.
    """
    from claimx_pipeline.connections.transport import (  # noqa: PLC0415 - slow to import
        NOT_CONNECTED,
        UNREACHED,
        UNSENDABLE,
        described,
    )

    if isinstance(error, UNREACHED):
        cause = error.__cause__ or error
        if (failed := proxy_failure(cause)) is not None:
            what, why = failed
            return lost(call, what, connection, why, unsent=True)
        what = described(error, connect_seconds, secrets)
        return lost(call, what, connection, unsent=isinstance(cause, NOT_CONNECTED))
    if isinstance(error, UNSENDABLE):
        reason = f"{call.where}: is not a request that can be sent ({type(error).__name__})"
        return RequestFailedError(reason, connection=connection)
    return None


def lost(
    call: Call,
    what: str,
    connection: str,
    why: Category = Category.TRANSIENT,
    *,
    unsent: bool = False,
) -> RequestFailedError:
    """Return the error for *call*, which *what* has happened to."""
    return RequestFailedError(
        f"{call.where}: {what}",
        why,
        outage=why is Category.AUTH,
        connection=connection,
        unsent=unsent,
    )
