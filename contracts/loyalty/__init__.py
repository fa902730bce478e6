"""The events that loyalty announces."""
