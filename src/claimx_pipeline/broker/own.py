"""The pipeline's own brokers, for who builds one of his own around them."""

from __future__ import annotations

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.settings.tree.broker import BrokerSettings


def embedded_broker(url: str, settings: BrokerSettings) -> Broker:
    """Return the embedded broker; not connected.

    Args:
        url: ``sqlite:///FILE``; four slashes for an absolute path.
        settings: The section ``broker``.

    Raises:
        SettingsError: The URL is malformed.
    """
    from claimx_pipeline.broker.sqlite.broker import SqliteBroker  # noqa: PLC0415 - one of two

    return SqliteBroker(url, settings)


def kafka_broker(url: str, settings: BrokerSettings) -> Broker:
    """Return a Kafka cluster; not connected.

    Args:
        url: ``kafka://HOST:PORT,HOST:PORT``.
        settings: The section ``broker``.

    Raises:
        SettingsError: The URL is malformed.
    """
    from claimx_pipeline.broker.kafka.broker import KafkaBroker  # noqa: PLC0415 - one of two

    return KafkaBroker(url, settings)
