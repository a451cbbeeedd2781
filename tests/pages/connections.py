"""``docs/reference/connections.md``, made from the settings of connections.

``python -m tests.pages.connections`` writes it again.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args, get_type_hints

from claimx_pipeline.connections.credential import credential_headers
from claimx_pipeline.settings.tree.connections import ConnectionSettings, OAuth2Settings
from tests.pages.stages import options

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "connections.md"
COMMAND = "python -m tests.pages.connections"

HEAD = """\
# Connections

A connection is a named HTTP service: stages, webhooks and plugins ask it by its name, and it knows
address, credential, retries and limits. This page is made from its settings by
`{command}`; a test fails when it is out of date. What differs behind a proxy is
on [Proxies and private authorities](../how-to/proxies-and-private-authorities.md).

```yaml
connections:
  crm:
    base_url: https://crm.example.com
    auth_type: bearer
    auth_token: ${{CRM_TOKEN}}
  claims:
    base_url: https://claims.example.com/api
    auth_type: api_key
    auth_header: X-Claims-Key
    auth_token_file: /run/secrets/claims
  vendor:
    base_url: https://vendor.example.com
    auth_type: oauth2
    oauth2:
      client_id: claimx
      client_secret: ${{VENDOR_SECRET}}
      token_url: https://login.example.com/oauth2/token
  dry:
    base_url: file:///tmp/requests
```

## Kinds of credential

| `auth_type` | What is sent | Where it comes from |
|---|---|---|
{kinds}

The word before the token is added: a token that begins with it is refused. Blanks and line ends
around a token are removed. A credential in `base_url` is refused.
"""

COMES_FROM = {
    "none": "",
    "bearer": "`auth_token`, or `auth_token_file`, which is read again when it changes",
    "api_key": "the same",
    "basic": "the same; user and password are base64-encoded already",
    "oauth2": "asked for at `oauth2.token_url` by client credentials, and renewed",
}


def page() -> str:
    """Return the page."""
    kinds = get_args(get_type_hints(ConnectionSettings)["auth_type"])
    rows = [f"| `{kind}` | {_sent(kind)} | {COMES_FROM[kind]} |" for kind in kinds]
    return "\n".join(
        [
            HEAD.format(command=COMMAND, kinds="\n".join(rows)),
            "## All settings\n",
            *(line for line in options(ConnectionSettings) if "| `oauth2." not in line),
            "## Settings of `oauth2`\n",
            *options(OAuth2Settings),
        ]
    )


def _sent(kind: Any) -> str:
    settings = ConnectionSettings(base_url="https://example.com", auth_type=kind)
    sent = [f"`{name}: {value}`" for name, value in credential_headers(settings, "TOKEN").items()]
    return ", ".join(sent) or "nothing"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
