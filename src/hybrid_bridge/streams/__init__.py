"""The fast channel: Kafka clients for ticks out, signals in and events out."""
