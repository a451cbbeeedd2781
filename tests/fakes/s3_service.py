"""A small S3 over ``HttpService`` that refuses what a test names."""

import re
from collections.abc import Callable
from urllib.parse import unquote

from attrs import define, field

from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.store import FileStore
from claimx_pipeline.settings.secret import Secret
from tests.fakes.http_service import Asked, Reply

XML = {"content-type": "application/xml"}
PUT_PART = re.compile(r"partNumber=\d+")


def error(status: int, code: str) -> Reply:
    """Return the refusal that S3 gives with *code*."""
    text = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>refused</Message></Error>"
    return Reply(text.encode(), status, dict(XML))


@define
class S3Service:
    """Takes files in one bucket; ``refuse`` sees each key first."""

    refuse: Callable[[str], Reply | None] = lambda _: None
    files: dict[str, bytes] = field(factory=dict)
    parts: dict[str, bytes] = field(factory=dict)

    def __call__(self, asked: Asked) -> Reply:
        key = unquote(asked.path).removeprefix("/bucket/")
        if reply := self.refuse(key):
            return Reply(b"", reply.status) if asked.method == "HEAD" else reply
        if asked.method == "POST" and "uploads=" in asked.target:
            return self._xml("InitiateMultipartUploadResult", "<UploadId>u</UploadId>")
        if asked.method == "POST" and asked.target.endswith("?delete"):
            for removed in re.findall(r"<Key>(.*?)</Key>", asked.body.decode()):
                self.files.pop(removed, None)
            return self._xml("DeleteResult", "")
        if asked.method == "POST":
            self.files[key] = self.parts.pop(key, b"")
            return self._xml("CompleteMultipartUploadResult", '<ETag>"e"</ETag>')
        if asked.method == "PUT":
            held = self.parts if PUT_PART.search(asked.target) else self.files
            held[key] = asked.body
            return Reply(b"", 200, {"etag": '"e"'})
        if asked.method == "DELETE":
            self.files.pop(key, None)
            return Reply(b"", 204)
        if key not in self.files:
            return error(404, "NoSuchKey") if asked.method == "GET" else Reply(b"", 404)
        said = {"last-modified": "Mon, 01 Jun 2026 00:00:00 GMT", "etag": '"e"'}
        if asked.method == "HEAD":
            head = "".join(f"{name}: {value}\r\n" for name, value in said.items())
            size = len(self.files[key])
            return Reply(raw=f"HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n{head}\r\n".encode())
        return Reply(self.files[key], 200, said)

    def _xml(self, name: str, inside: str) -> Reply:
        return Reply(f"<?xml version='1.0'?><{name}>{inside}</{name}>".encode(), 200, dict(XML))


def opened(url: str, root: str = "s3://bucket") -> FileStore:
    """Return the store behind a service at *url*."""
    options = {
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
        "AWS_ENDPOINT_URL": url,
        "AWS_ALLOW_HTTP": "true",
        "AWS_REGION": "us-east-1",
    }
    return open_store(root, {name: Secret(value) for name, value in options.items()})
