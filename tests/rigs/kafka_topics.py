"""Topics that Kafka is asked to keep in another way than the product asks it to."""

from aiokafka.admin import AIOKafkaAdminClient, NewTopic


async def create_topic(url: str, topic: str, **options: str) -> None:
    """Create a topic of one partition with Kafka's own settings, their dots as underscores."""
    client = AIOKafkaAdminClient(bootstrap_servers=url.removeprefix("kafka://"))
    await client.start()
    configs = {name.replace("_", "."): value for name, value in options.items()}
    await client.create_topics([NewTopic(topic, 1, 1, topic_configs=configs)])
    await client.close()


async def create_limited(url: str, topic: str, largest: int) -> None:
    """Create a topic that takes batches of up to *largest* bytes."""
    await create_topic(url, topic, max_message_bytes=str(largest))
