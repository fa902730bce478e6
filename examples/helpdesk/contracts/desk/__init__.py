"""The events that the desk announces."""
