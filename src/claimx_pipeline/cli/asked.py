"""Options that commands which print rows have in common."""

from __future__ import annotations

from typing import Annotated

import typer

JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
CSV = Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")]
VERTICAL = Annotated[
    bool,
    typer.Option("--vertical", help="Print a line per column, as where a row does not fit."),
]
