"""A real single-node Apache Kafka on loopback, for tests, benchmarks and demonstrations.

Needs Java 17 and Maven, which fetches the jars named in ``kafka/pom.xml`` once into a
folder under ``~/.cache``. ``python -m tests.rigs.kafka_server`` runs one in the
foreground and prints its URL until it is interrupted.
"""

from __future__ import annotations

import contextlib
import ctypes
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from pathlib import Path

from attrs import define, field, frozen

POM = Path(__file__).parent / "kafka" / "pom.xml"
START_SECONDS = 180.0
CLUSTER_ID = "claimxTestClusterAAAAA"
PR_SET_PDEATHSIG = 1

SERVER_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{more_listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{advertised}{more_listeners}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
controller.listener.names=CONTROLLER
log.dirs={data}
auto.create.topics.enable=false
default.replication.factor=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=2097152
log.cleaner.threads=1
num.network.threads=2
num.io.threads=4
"""

LOG4J = """\
Configuration:
  Appenders:
    Console:
      name: out
      PatternLayout: {pattern: "%d %p %m (%c)%n"}
  Loggers:
    Root: {level: ERROR, AppenderRef: {ref: out}}
    Logger:
      name: kafka.server.KafkaRaftServer
      level: INFO
"""
STARTED = "Kafka Server started"


class KafkaUnavailableError(Exception):
    """A Kafka cannot be run here; the text says why."""


def why_not() -> str | None:
    """Return why no Kafka can be started here, or None if one can."""
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    return f"no Kafka: {' and '.join(missing)} not found" if missing else None


def jars() -> Path:
    """Return the folder with Kafka's jars, fetched first if it is not there yet."""
    pom = ET.parse(POM)
    version = pom.findtext(".//{*}kafka.version")
    folder = Path.home() / ".cache" / "claimx-pipeline-tests" / f"kafka-{version}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent) as fresh:
        made = Path(fresh) / "jars"
        command = ["mvn", "-q", "-B", "-f", str(POM), "dependency:copy-dependencies"]
        done = subprocess.run(
            [*command, f"-DoutputDirectory={made}"], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise KafkaUnavailableError(f"no Kafka: Maven failed: {done.stdout[-500:]}")
        # Another process may have been quicker; its folder is as good.
        with contextlib.suppress(OSError):
            made.rename(folder)
    return folder


@frozen
class Security:
    """What a Kafka has beside its plain listener."""

    listeners: Mapping[str, tuple[str, int]] = {}
    """Name to protocol and port."""
    properties: str = ""
    """Further lines of its settings."""
    java_options: tuple[str, ...] = ()
    scram: tuple[str, ...] = ()
    """Users of SCRAM as the storage tool takes them: ``MECHANISM=[name=…,password=…]``."""


@define
class KafkaServer:
    """A Kafka on one data folder and one port, that can be ended and started again."""

    folder: Path
    port: int
    advertised: int
    """The port that clients are sent to: its own, or that of a proxy in front of it."""
    security: Security = Security()
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    _java: list[str] = field(init=False)

    @property
    def url(self) -> str:
        """Where clients find it."""
        return f"kafka://127.0.0.1:{self.port}"

    def format(self) -> None:
        """Make its folder ready for the first start.

        Raises:
            KafkaUnavailableError: Java or Maven is missing, or Kafka refuses.
        """
        if (reason := why_not()) is not None:
            raise KafkaUnavailableError(reason)
        security, java = self.security, _java(f"{jars()}/*", self.folder / "log4j2.yaml")
        self._java = [java[0], *security.java_options, *java[1:]]
        (self.folder / "log4j2.yaml").write_text(LOG4J)
        self._properties.write_text(
            SERVER_PROPERTIES.format(
                port=self.port,
                advertised=self.advertised,
                controller_port=free_port(),
                data=self.folder / "data",
                more_listeners="".join(
                    f",{name}://localhost:{port}" for name, (_, port) in security.listeners.items()
                ),
                protocols="".join(
                    f",{name}:{protocol}" for name, (protocol, _) in security.listeners.items()
                ),
            )
            + security.properties
        )
        tool = ["kafka.tools.StorageTool", "format", "-t", CLUSTER_ID]
        for user in security.scram:
            tool += ["--add-scram", user]
        _run([*self._java, *tool, "-c", str(self._properties)])

    def start(self) -> None:
        """Start it on the data that is there, and wait until it serves.

        Raises:
            KafkaUnavailableError: It does not start.
        """
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start its process, which dies with the thread that calls this; then ``wait``."""
        with self._log.open("wb") as out:
            self.process = subprocess.Popen(
                [*self._java, "kafka.Kafka", str(self._properties)],
                stdout=out,
                stderr=out,
                stdin=subprocess.DEVNULL,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - one libc call
            )

    def wait(self) -> None:
        """Wait until it serves.

        Raises:
            KafkaUnavailableError: It does not start.
        """
        end = time.monotonic() + START_SECONDS
        while STARTED not in (text := self._log.read_text(errors="replace")):
            ended = self.process is None or self.process.poll() is not None
            if ended or time.monotonic() > end:
                raise KafkaUnavailableError(f"no Kafka: it did not start: {text[-1000:]}")
            time.sleep(0.05)

    def serves(self) -> bool:
        """Return whether its process runs and has said that it serves."""
        runs = self.process is not None and self.process.poll() is None
        return runs and STARTED in self._log.read_text(errors="replace")

    def end(self, number: int = signal.SIGKILL) -> None:
        """End it with a signal; what it acknowledged is on its disk."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait()

    @property
    def _log(self) -> Path:
        return self.folder / "server.log"

    @property
    def _properties(self) -> Path:
        return self.folder / "server.properties"


@contextlib.contextmanager
def kafka_server(
    port: int | None = None, advertised: int | None = None, security: Security | None = None
) -> Iterator[KafkaServer]:
    """Run a Kafka; its data are gone afterwards.

    Raises:
        KafkaUnavailableError: Java or Maven is missing, or Kafka did not start.
    """
    with tempfile.TemporaryDirectory(prefix="claimx-kafka-") as temp:
        port = port or free_port()
        server = KafkaServer(Path(temp), port, advertised or port, security or Security())
        server.format()
        try:
            server.start()
            yield server
        finally:
            # Nothing in it is worth an orderly shutdown, which takes seconds.
            server.end()


@contextlib.contextmanager
def kafka(port: int | None = None) -> Iterator[str]:
    """Run a Kafka and yield its URL; its data are gone afterwards.

    Raises:
        KafkaUnavailableError: Java or Maven is missing, or Kafka did not start.
    """
    with kafka_server(port) as server:
        yield server.url


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _java(classpath: str, log4j: Path) -> list[str]:
    # The first compiler level only and the serial collector: quick to start, small.
    return [
        "java",
        "-Xmx384m",
        "-Xms128m",
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-Xshare:auto",
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        classpath,
    ]


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise KafkaUnavailableError(f"no Kafka: {(done.stdout + done.stderr)[-500:]}")


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def _main() -> None:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    port = int(sys.argv[1]) if len(sys.argv) > 1 else None
    with kafka(port) as url:
        print(url, flush=True)
        stop.wait()


if __name__ == "__main__":
    _main()
