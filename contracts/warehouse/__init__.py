"""The events that warehouse announces."""
