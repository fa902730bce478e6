"""The generator of new services. Command `new consumer`."""

from ops.scaffold.consumer import known_events, new_consumer

__all__ = ["known_events", "new_consumer"]
