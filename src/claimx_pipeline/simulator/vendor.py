"""What the simulated vendor has accepted, and how it behaves."""

from __future__ import annotations

import secrets

from attrs import define, field

from claimx_pipeline.simulator.submissions import Submissions


@define
class VendorState:
    """What the vendor has accepted, and how it behaves."""

    client_secret: str = "demo-client-secret"  # noqa: S105 - of a simulator
    subscription_id: str = "demo-subscription"
    disconnect_every: int = 0
    """Each so many-th new form is accepted and its answer cut off; 0 for none."""
    submissions: Submissions = field(factory=Submissions, init=False)
    refused: int = field(default=0, init=False)
    """Forms that were not what the vendor takes."""
    cut: int = field(default=0, init=False)
    """Answers that were cut off."""
    _tokens: set[str] = field(factory=set, init=False)

    def issue(self) -> str:
        """Return a new token."""
        token = secrets.token_hex(16)
        self._tokens.add(token)
        return token

    def knows(self, token: str) -> bool:
        """Tell whether a token was issued here."""
        return token in self._tokens
