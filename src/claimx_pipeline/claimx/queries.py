"""Questions that a newcomer asks first; ``claimx-run query --list`` shows them."""

from __future__ import annotations

from claimx_pipeline.delta.queries import NamedQuery

QUERIES: tuple[NamedQuery, ...] = ()
