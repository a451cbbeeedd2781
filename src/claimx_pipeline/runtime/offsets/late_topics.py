"""Topics that an installation of an earlier version lacks: made by the workers that use them."""

from __future__ import annotations

import logging

from claimx_pipeline.broker.protocol import Admin
from claimx_pipeline.errors import BrokerError, BrokerUnavailableError
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import Topology

log = logging.getLogger(__name__)


async def make_late_topics(spec: WorkerSpec, topology: Topology, admin: Admin) -> frozenset[str]:
    """Make the late topics of *spec* that do not exist; return those that could not be made.

    If the broker does not let the worker make them it works all the same, since nothing is in a
    topic that does not exist. They are named as the broker calls them.

    Raises:
        BrokerUnavailableError: The broker does not answer.
    """
    late = {topology.physical(topic.name) for topic in spec.topics().all() if topic.late}
    missing = late - set(await admin.topics()) if late else set()
    if not missing:
        return frozenset()
    try:
        await admin.create_topics([each for each in topology.new_topics() if each.name in missing])
    except BrokerUnavailableError:
        raise
    except BrokerError as error:
        log.warning(
            "worker %s: topics %s do not exist and cannot be made here (%s); create them with "
            "'claimx-run topics create'",
            spec.name,
            ", ".join(sorted(missing)),
            error,
        )
        return frozenset(missing)
    log.info("worker %s has made topics %s", spec.name, ", ".join(sorted(missing)))
    return frozenset()
