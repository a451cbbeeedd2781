"""A certificate authority of a company's own, made by openssl."""

import ssl
import subprocess
from pathlib import Path

from attrs import frozen


@frozen
class Certificate:
    """A certificate and its key, as PEM files."""

    certificate: Path
    key: Path

    def server_tls(self) -> ssl.SSLContext:
        """Return the TLS of a server that shows it."""
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(self.certificate, self.key)
        return tls

    def in_one(self) -> str:
        """Return key and certificate as Java's servers take them."""
        return self.key.read_text() + self.certificate.read_text()


@frozen
class Authority:
    """Signs certificates; ``file`` is what those who trust it are given."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> "Authority":
        made = cls(folder)
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=Company authority"),
            *("-addext", "keyUsage=critical,keyCertSign,cRLSign"),
            *("-out", made.file, "-keyout", folder / "authority.key"),
        )
        return made

    @property
    def file(self) -> Path:
        return self.folder / "authority.pem"

    def issue(self, name: str, *, host: str = "") -> Certificate:
        """Return a certificate for *name*; a server has a *host*."""
        made = Certificate(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        more = ["-addext", f"subjectAltName=DNS:{host},IP:127.0.0.1"] if host else []
        _openssl(
            *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", f"/CN={name}", "-addext", "basicConstraints=critical,CA:FALSE"),
            *("-CA", self.file, "-CAkey", self.folder / "authority.key", *more),
            *("-out", made.certificate, "-keyout", made.key),
        )
        return made

    def encrypted(self, key: Path, password: str) -> Path:
        """Return the file of the same key, encrypted."""
        made = key.with_suffix(".encrypted")
        _openssl("pkcs8", "-topk8", "-in", key, "-out", made, "-passout", f"pass:{password}")
        return made


def _openssl(*command: object) -> None:
    done = subprocess.run(["openssl", *map(str, command)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
