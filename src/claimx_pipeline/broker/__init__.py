"""Where records come from and go to: Kafka, or the embedded broker in one file."""
