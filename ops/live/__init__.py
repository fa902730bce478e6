"""Live: the notifications of events as they happen. Command `tail`."""

from ops.live.stream import LiveStream, Selection

__all__ = ["LiveStream", "Selection"]
