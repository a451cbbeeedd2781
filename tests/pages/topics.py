"""``docs/reference/topics.md``, made from the topics that the workers declare.

``python -m tests.pages.topics`` writes it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from claimx_pipeline import Pipeline
from claimx_pipeline.topics import Topic
from tests.pages.titled import titled

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "topics.md"
COMMAND = "python -m tests.pages.topics"

HEADINGS = ("Events, work and results", "Retry topics", "Dead letters")

HEAD = """\
# Topics

Every topic of the core and of the iTel cabinet plugin, by its logical name, with who writes and
who reads it. This page is made from what the workers declare by `{command}`;
a test fails when it is out of date. On an installation, `claimx-run topics list` shows your own
plugins' topics too, and how many records each has seen.

- The name on the broker is the logical name behind `broker.prefix`, or what
  `broker.topics.*.name` says; partitions and retention can be set there as well.
- Records that belong together have one key, so they are in one partition and stay in order.
- *outside* writes what comes from other systems; *people* read what no group of a worker reads.
  Topics with a limit in MB are a memory: the workers that write them, and `download` those of stored
  files, read them whole when partitions change their owner.
"""


def page() -> str:
    """Return the page."""
    topology = Pipeline.load(environ={}, cwd=Path("/nonexistent")).topology
    parts = [HEAD.format(command=COMMAND)]
    for heading, chosen in groups(topology.topics.values()).items():
        parts += [f"## {heading}\n"]
        parts += [
            "| Topic | Partitions | Kept for |",
            "|---|---|---|",
        ]
        for topic in chosen:
            writers = topology.writers.get(topic.name, ())
            readers = topology.readers.get(topic.name, ())
            by, to = named(writers, "outside"), named(readers, "people")
            use = f"Written by {by}, read by {to}."
            if any(name.startswith(f"{topic.name}.") for name in topology.topics):
                # Said again: the search ranks it above those whose names begin with it.
                use = f"`{topic.name}` itself is written by {by} and read by {to}."
            name = titled(f"`{topic.name}`", topic.name, use)
            parts.append(f"| {name} | {topic.partitions} | {kept(topic)} |")
        parts.append("")
    return "\n".join(parts)


def groups(topics: Iterable[Topic]) -> dict[str, list[Topic]]:
    """Return the topics by what they are for, in the order of the page."""
    found: dict[str, list[Topic]] = {heading: [] for heading in HEADINGS}
    # Retry topics stay in the order of their delays.
    for topic in sorted(topics, key=lambda each: each.name.partition(".retry.")[0]):
        found[_heading(topic.name)].append(topic)
    return found


def _heading(name: str) -> str:
    if name.endswith((".dlq", ".errors")):
        return "Dead letters"
    return "Retry topics" if ".retry." in name else "Events, work and results"


def kept(topic: Topic) -> str:
    """Return how long records of a topic are kept, in words."""
    hours = topic.retention_hours
    words = "for ever" if hours is None else f"{hours / 24:g} days"
    size = topic.retention_bytes
    return words if size is None else f"{words}, at most {size / 1024 / 1024:g} MB a partition"


def named(users: Sequence[str], otherwise: str) -> str:
    """Return who uses a topic."""
    return ", ".join(f"`{user}`" for user in dict.fromkeys(users)) or f"*{otherwise}*"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
