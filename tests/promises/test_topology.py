"""No topic is written into the void or read from nowhere."""

from pathlib import Path

import pytest

from claimx_pipeline import Pipeline


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    return Pipeline.load(environ={}, cwd=tmp_path)


@pytest.mark.incident("RET-04")
def test_every_topic_has_a_reader_and_a_writer(pipeline):
    """Unless it is marked as written from outside, or as read by people and tools."""
    assert pipeline.topology.without_reader() == []
    assert pipeline.topology.without_writer() == []


def test_two_workers_on_one_topic_have_two_groups(pipeline):
    groups = [
        (topic.name, worker.group) for worker in pipeline.workers.values() for topic in worker.reads
    ]
    assert len(groups) == len(set(groups))


def test_making_a_pipeline_creates_nothing(tmp_path):
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    pipeline.broker()
    assert pipeline.topology.new_topics()
    assert list(tmp_path.iterdir()) == []
