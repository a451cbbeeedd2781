"""A small real issuer of access tokens: OAuth2 client credentials in, signed tokens out."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from attrs import define, field

from tests.fakes.http_service import Asked, Reply, http_service
from tests.rigs.secured_kafka import Keys

TOKEN_PATH = "/oauth2/token"


@define
class Issuer:
    """Hands out tokens to one client, or fails as a test says."""

    keys: Keys
    life: float = 60.0
    """Seconds that a token is good for."""
    secret: str = "s3cret"
    down: bool = False
    """Connections are closed without an answer."""
    claims: dict[str, Any] = field(factory=dict)
    """What tokens say beside the usual."""
    url: str = ""
    issued: int = 0
    asked: list[dict[str, list[str]]] = field(factory=list)

    @property
    def token_url(self) -> str:
        return f"{self.url}{TOKEN_PATH}"

    def answer(self, asked: Asked) -> Reply:
        assert asked.path == TOKEN_PATH
        form = parse_qs(asked.body.decode())
        self.asked.append(form)
        if self.down:
            return Reply(raw=b"")
        if form["client_secret"] != [self.secret] or form["client_id"] != ["claimx"]:
            return Reply({"error": "invalid_client"}, 401)
        self.issued += 1
        token = self.keys.token(self.life, **self.claims)
        return Reply({"access_token": token, "token_type": "Bearer", "expires_in": self.life})


@contextlib.asynccontextmanager
async def issuing(keys: Keys, **settings: Any) -> AsyncIterator[Issuer]:
    """Serve until the block ends."""
    issuer = Issuer(keys, **settings)
    async with http_service(issuer.answer) as service:
        issuer.url = service.url
        yield issuer
