"""Apache Kafka behind the broker protocol, by aiokafka."""
