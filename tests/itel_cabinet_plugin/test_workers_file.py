"""``examples/itel-workers.yaml`` spells the chains that the plugin builds."""

from pathlib import Path

import attrs
import pytest

from claimx_pipeline import Pipeline

EXAMPLE = Path(__file__).parents[2] / "examples" / "itel-workers.yaml"


@pytest.mark.plugin
@pytest.mark.parametrize("name", ["itel-tracking", "itel-api"])
def test_both_ways_of_writing_a_chain_end_in_the_same_worker(tmp_path, name):
    built = Pipeline.load(environ={}, cwd=tmp_path).workers[name]
    spelled = Pipeline.load(EXAMPLE, environ={}, cwd=tmp_path)
    worker = spelled.workers[name]
    chains = [
        [(spec.type, spec.config) for spec in each.build.stages(spelled.settings)]
        for each in (built, worker)
    ]
    assert chains[0] == chains[1]
    assert built.build.success == worker.build.success
    different = {
        field.name
        for field in attrs.fields(type(worker))
        if getattr(built, field.name) != getattr(worker, field.name)
    }
    # Functions that are made for each; the connections that the chain names are needed as well.
    assert different <= {"build", "check", "needs"}
    assert set(built.needs) <= set(worker.needs)


@pytest.mark.plugin
def test_the_file_is_right_to_the_last_key(tmp_path):
    pipeline = Pipeline.load(EXAMPLE, environ={}, cwd=tmp_path)
    assert pipeline.check() == []
    assert pipeline.warnings == ()
