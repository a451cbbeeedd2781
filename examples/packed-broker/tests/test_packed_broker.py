"""The broker keeps the contract, and a whole pipeline runs on it."""

import sqlite3

from packed_broker import PackedBroker

from claimx_pipeline.broker import BrokerSettings
from claimx_pipeline.testing import BrokerContract


class TestContract(BrokerContract):
    """What every broker has to keep."""

    def make_broker(self, folder):
        return PackedBroker(f"packed:///{folder}/broker.db", BrokerSettings())


def test_a_pipeline_runs_on_it(claimx_sandbox):
    file = claimx_sandbox.folder / "packed.db"
    claimx_sandbox.configure(f'broker: {{url: "packed:///{file}"}}')
    events = claimx_sandbox.happen(20)
    claimx_sandbox.run("ingest", "events")
    assert len(claimx_sandbox.rows("claimx_events")) == len(events)
    assert claimx_sandbox.dead_letters() == []
    with sqlite3.connect(file) as stored:
        dump = "".join(stored.iterdump())
    assert "PROJECT_CREATED" not in dump
