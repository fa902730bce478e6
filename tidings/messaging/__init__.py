"""Messaging: the consumer of a queue and the relay of an outbox."""
