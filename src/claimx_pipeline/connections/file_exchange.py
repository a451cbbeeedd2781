"""Replaces a service: writes each request to a file instead of sending it."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer
from claimx_pipeline.connections.call import Watch

_SUCCESS = b'{"success": true, "test_mode": true}'
_UNFIT = re.compile(r"[^\w.-]+")
_NAME_CHARACTERS = 150
"""Below the 255 bytes that file systems allow, with room for the suffix."""


@define
class FileExchange:
    """Writes requests into a folder, one JSON file each, and answers that all is well."""

    folder: Path
    _clock: Clock
    _numbers: Iterator[int] = field(factory=lambda: itertools.count(1), init=False)

    async def write(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        body: bytes,
        headers: Mapping[str, str],
        idempotency_key: str | None,
        watch: Watch | None = None,
    ) -> Answer:
        """Write the request; the same idempotency key writes the same file again.

        Raises:
            OSError: The folder cannot be written.
        """
        headers = {**headers, **watch.sending()} if watch else headers
        now = self._clock.now()
        content = {
            "method": method,
            "path": path,
            "params": dict(params or {}),
            "headers": dict(headers),
            "idempotency_key": idempotency_key,
            "written_at": now,
            "body": msgspec.Raw(body or b"null"),
        }
        data = msgspec.json.format(msgspec.json.encode(content, enc_hook=str), indent=2)
        written = await asyncio.to_thread(self._write, method, path, idempotency_key, data)
        answer = Answer(200, {}, _SUCCESS, now, f"{method} {path} into {written.name}")
        if watch:
            watch.ended(answer)
        return answer

    def _write(self, method: str, path: str, key: str | None, data: bytes) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        if key is None:
            return self._write_new(_fit(f"{method}-{path.lstrip('/')}"), data)
        target = self.folder / f"{_named_by(key)}.json"
        half = target.with_suffix(f".{os.getpid()}.part")
        half.write_bytes(data)
        half.replace(target)
        return target

    def _write_new(self, name: str, data: bytes) -> Path:
        while True:
            target = self.folder / f"{next(self._numbers):06d}-{name}.json"
            try:
                with target.open("xb") as file:
                    file.write(data)
            except FileExistsError:
                continue  # of an earlier run, or of another process
            return target


def _named_by(key: str) -> str:
    name = _fit(key)
    # Two keys must not share a file because they differ only in what was left out.
    return name if name == key else f"{name}-{hashlib.sha256(key.encode()).hexdigest()[:8]}"


def _fit(text: str) -> str:
    return _UNFIT.sub("-", text).strip("-.")[:_NAME_CHARACTERS] or "request"
