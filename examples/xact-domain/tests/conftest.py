"""A sandbox with a server of attachments beside it."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from claimx_pipeline.testing import Sandbox

GOLDEN = Path(__file__).parent / "golden"
PDF = b"%PDF-1.4\n" + b"x" * 500


class Attachments:
    """A server that has every file; ``asked`` are the paths that were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.asked.append(self.path)
                self.send_response(200)
                self.send_header("Content-Type", "application/pdf")
                self.send_header("Content-Length", str(len(PDF)))
                self.end_headers()
                self.wfile.write(PDF)

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self.server.server_port}"

    def link(self, path: str) -> str:
        return f"http://{self.host}/{path}"


@pytest.fixture
def attachments():
    served = Attachments()
    thread = threading.Thread(target=served.server.serve_forever, daemon=True)
    thread.start()
    yield served
    served.server.shutdown()
    served.server.server_close()
    thread.join()


@pytest.fixture
def xact(claimx_sandbox: Sandbox, attachments: Attachments) -> Sandbox:
    """A pipeline that may fetch from the server of attachments."""
    claimx_sandbox.configure(
        f'media: {{development_hosts: ["{attachments.host}"]}}\n'
        "workers: {xact-events: {linger_seconds: 0}, xact-entities: {linger_seconds: 0},"
        " xact-results: {linger_seconds: 0}}\n"
    )
    return claimx_sandbox


@pytest.fixture
def spellings() -> dict[str, bytes]:
    """The event of the golden file in each of its spellings, by name."""
    said = json.loads((GOLDEN / "spellings.json").read_text())
    return {name: json.dumps(event).encode() for name, event in said.items()}
