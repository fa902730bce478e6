"""The events that notification announces."""
