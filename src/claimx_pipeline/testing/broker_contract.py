"""The suite that every broker passes, to inherit for one of your own."""

from __future__ import annotations

from pathlib import Path

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.testing.broker_groups import GroupsContract
from claimx_pipeline.testing.broker_records import RecordsContract


class BrokerContract(RecordsContract, GroupsContract):
    """What the pipeline relies on in every broker.

    Derive a class, say how the broker is made, and pytest runs the suite::

        class TestAcme(BrokerContract):
            def make_broker(self, folder):
                return AcmeBroker("acme://localhost:9000", BrokerSettings())
    """

    def make_broker(self, folder: Path) -> Broker:
        """Return a broker, not connected.

        Args:
            folder: An empty folder of this test's own, for a broker that needs one.
        """
        raise NotImplementedError("say how the broker is made")
