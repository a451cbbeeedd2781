"""A small server that speaks as much S3 as it takes to answer a listing wrongly."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from attrs import define, field

from claimx_pipeline.settings.secret import Secret

LISTING = (
    b'<?xml version="1.0" encoding="UTF-8"?>'
    b'<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>bucket</Name><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys>"
    b"<IsTruncated>false</IsTruncated></ListBucketResult>"
)


@define
class OddS3:
    """What the server does with a listing, and what it was asked."""

    port: int = 0
    listing: str = "truncated"
    """``truncated`` ends in the middle, ``silent`` says nothing, ``trickling`` never ends."""
    listings: int = 0
    requests: int = 0
    released: threading.Event = field(factory=threading.Event)

    def options(self, **limits: str) -> dict[str, Secret]:
        """Return what opens a store here, and how long it is to be waited for."""
        options = {
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
            "aws_endpoint_url": f"http://127.0.0.1:{self.port}",
            "aws_region": "us-east-1",
            "aws_allow_http": "true",
            **limits,
        }
        return {name: Secret(value) for name, value in options.items()}


class _Handler(BaseHTTPRequestHandler):
    """Answers for the ``OddS3`` that its server carries."""

    protocol_version = "HTTP/1.1"

    @property
    def odd(self) -> OddS3:
        return self.server.odd  # type: ignore[attr-defined, no-any-return]

    def do_GET(self) -> None:
        odd = self.odd
        odd.requests += 1
        if "list-type" not in parse_qs(urlsplit(self.path).query):
            self._send(404, b"<Error><Code>NoSuchKey</Code></Error>")
            return
        odd.listings += 1
        if odd.listing == "truncated":
            self._send(200, LISTING[: len(LISTING) // 2])
        elif odd.listing == "silent":
            odd.released.wait(60)
            self.close_connection = True
        else:
            self._trickle()

    def do_HEAD(self) -> None:
        self.odd.requests += 1
        self.send_response(404)
        self.end_headers()

    def do_PUT(self) -> None:
        self.odd.requests += 1
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self._send(200, b"")

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/xml")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _trickle(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        with contextlib.suppress(OSError):
            while not self.odd.released.wait(0.05):
                self.wfile.write(b" ")
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@contextlib.contextmanager
def odd_s3(listing: str = "truncated") -> Iterator[OddS3]:
    """Run the server until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    odd = OddS3(port=server.server_port, listing=listing)
    server.odd = odd  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield odd
    finally:
        odd.released.set()
        server.shutdown()
        server.server_close()
