"""A stand-in for the query service of Kusto: its REST protocol, and the queries of the source.

Times are kept as texts with seven digits, as the service writes them.
"""

from __future__ import annotations

import json
import random
import re
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

from attrs import define, field

TIME = "source_time_"


@define
class StandIn:
    """One table, served on a port of its own."""

    columns: tuple[tuple[str, str], ...] = (("payload", "dynamic"), ("city", "string"))
    rows: list[tuple[str, tuple[Any, ...]]] = field(factory=list)
    """Time and values of each row."""
    queries: list[str] = field(factory=list)
    failures: list[tuple[int, Any]] = field(factory=list)
    """Status and answer of the next requests, instead of rows."""
    tokens: list[str] = field(factory=list)
    _server: ThreadingHTTPServer = field(init=False)

    def __enter__(self) -> Self:
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                stand_in.tokens.append(self.headers.get("Authorization", ""))
                status, answer = stand_in.answer(self.path, body)
                content = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """Where it is."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def add(self, time: str, *values: Any) -> None:
        """Let a row arrive; *time* gets the seven digits that the service writes."""
        whole, _, digits = time.removesuffix("Z").partition(".")
        self.rows.append((f"{whole}.{digits:0<7}Z", values))

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, Any]:
        """Return status and answer of a request."""
        if path != "/v2/rest/query":
            return 404, {"error": {"code": "NotFound", "message": path, "@permanent": True}}
        self.queries.append(body["csl"])
        if self.failures:
            return self.failures.pop(0)
        return 200, self.frames(self.found(body["csl"]))

    def found(self, query: str) -> list[tuple[str, tuple[Any, ...]]]:
        """Return the rows that a query of the source asks for."""
        rows = list(self.rows)
        if match := re.search(rf"{TIME} > datetime\((.*?)\)", query):
            rows = [row for row in rows if row[0] > match[1]]
        if match := re.search(rf"{TIME} == datetime\((.*?)\)", query):
            rows = [row for row in rows if row[0] == match[1]]
        if match := re.search(rf"{TIME} <= ago\(([0-9.]+)s\)", query):
            limit = datetime.now(UTC) - timedelta(seconds=float(match[1]))
            rows = [row for row in rows if row[0] <= f"{limit:%Y-%m-%dT%H:%M:%S.%f}0Z"]
        if "order by" in query:
            # Rows of one time come in any order, and in another one the next time.
            random.shuffle(rows)
            rows.sort(key=lambda row: row[0])
        if match := re.search(r"take (\d+)", query):
            rows = rows[: int(match[1])]
        return rows

    def frames(self, rows: list[tuple[str, tuple[Any, ...]]]) -> list[dict[str, Any]]:
        """Return *rows* as an answer of version 2."""
        columns = [*self.columns, (TIME, "datetime")]
        return [
            {"FrameType": "DataSetHeader", "IsProgressive": False, "Version": "v2.0"},
            {
                "FrameType": "DataTable",
                "TableId": 1,
                "TableKind": "PrimaryResult",
                "TableName": "PrimaryResult",
                "Columns": [{"ColumnName": name, "ColumnType": kind} for name, kind in columns],
                "Rows": [[*values, time] for time, values in rows],
            },
            {"FrameType": "DataSetCompletion", "HasErrors": False, "Cancelled": False},
        ]
