"""The jars with which Spark reads Delta tables, from Maven Central."""

import shutil
import subprocess
from pathlib import Path

import pytest

JARS = (
    "io.delta:delta-spark_2.13:4.0.0",
    "io.delta:delta-storage:4.0.0",
    "org.antlr:antlr4-runtime:4.13.1",
)


def spark_jars(folder: Path) -> list[str]:
    """Return the jars, copied into *folder*; skips the test without Java and Maven."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"needs {' and '.join(missing)}")
    for jar in JARS:
        subprocess.run(
            [
                "mvn",
                "-q",
                "-B",
                "dependency:copy",
                f"-Dartifact={jar}",
                f"-DoutputDirectory={folder}",
            ],
            check=True,
        )
    return [str(path) for path in sorted(folder.glob("*.jar"))]
