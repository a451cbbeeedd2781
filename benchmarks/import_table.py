"""How long an import of a predecessor's table takes, and the most memory it takes.

``python benchmarks/import_table.py [ROWS] [TABLE]``; not among the recorded figures, for it is done
once. The import runs in a process of its own, so that the memory is its own.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.rigs import predecessor

MOST_MEGABYTES = 1024


def main(rows: int, table: str) -> int:
    """Import *rows* rows of *table*; return 1 if that took more memory than it may."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # Only the partitions of the former table would be many here, which costs in making it.
        predecessor.PARTITIONS = {}
        predecessor.make(folder / "old", rows, (table,))
        command = [sys.executable, "-m", "claimx_pipeline", "tables", "import", "--from"]
        start = time.monotonic()
        subprocess.run([*command, f"old/{table}", "--table", table], cwd=folder, check=True)
        seconds = time.monotonic() - start
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    megabytes = used.ru_maxrss // 1024
    print(
        f"{rows} rows of {table} in {seconds:.0f} s ({used.ru_utime + used.ru_stime:.0f} s of "
        f"processor), {megabytes} MB at most"
    )
    return int(megabytes > MOST_MEGABYTES)


if __name__ == "__main__":
    rows = int(sys.argv[1]) if sys.argv[1:] else 1_000_000
    sys.exit(main(rows, sys.argv[2] if sys.argv[2:] else "claimx_attachment_metadata"))
