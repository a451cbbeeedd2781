"""The predecessor's variables of the iTel API, and the settings that they have become."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.operations import FormerVariable
from itel_cabinet_plugin.settings import CONNECTION, SECTION

_OAUTH: Final = {f"connections.{CONNECTION}.auth_type": "oauth2"}

VARIABLES: Final = (
    FormerVariable(
        name="ITEL_DELTA_FORMS_TABLE",
        why="import it: claimx-run tables import --from $ITEL_DELTA_FORMS_TABLE "
        "--table claimx_itel_forms",
    ),
    FormerVariable(
        name="ITEL_DELTA_ATTACHMENTS_TABLE",
        why="import it: claimx-run tables import --from $ITEL_DELTA_ATTACHMENTS_TABLE "
        "--table claimx_itel_attachments",
    ),
    FormerVariable(
        name="ITEL_CABINET_API_CLIENT_ID",
        setting=f"connections.{CONNECTION}.oauth2.client_id",
        implies=_OAUTH,
    ),
    FormerVariable(
        name="ITEL_CABINET_API_CLIENT_CREDENTIAL",
        setting=f"connections.{CONNECTION}.oauth2.client_secret",
        secret=True,
        implies=_OAUTH,
    ),
    FormerVariable(
        name="ITEL_CABINET_API_TOKEN_URL",
        setting=f"connections.{CONNECTION}.oauth2.token_url",
        implies=_OAUTH,
    ),
    FormerVariable(
        name="ITEL_CABINET_API_SCOPE",
        setting=f"connections.{CONNECTION}.oauth2.scope",
        implies=_OAUTH,
    ),
    FormerVariable(name="ITEL_CABINET_API_CARRIER_ID", setting=f"{SECTION}.vendor.carrier_id"),
    FormerVariable(
        name="ITEL_CABINET_API_SUBSCRIPTION_ID",
        setting=f"{SECTION}.vendor.subscription_id",
        secret=True,
    ),
)
"""Variables that the plugin does not read under these names."""
