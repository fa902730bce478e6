"""Replay: sends recorded events to one consumer again, or rebuilds a projection. Command `replay`."""
