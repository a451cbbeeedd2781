"""Nobody switches the verification of certificates off."""

import re
from pathlib import Path

import pytest

SRC = Path(__file__).parents[2] / "src"
SWITCHES = re.compile(
    r"verify\s*=\s*False|ssl\s*=\s*False|CERT_NONE|check_hostname\s*=|_create_unverified_context"
)


@pytest.mark.incident("SEC-03")
def test_no_code_switches_the_verification_of_certificates_off():
    found = [
        f"{file.relative_to(SRC)}: {line.strip()}"
        for file in sorted(SRC.rglob("*.py"))
        for line in file.read_text().splitlines()
        if SWITCHES.search(line)
    ]
    assert found == []
