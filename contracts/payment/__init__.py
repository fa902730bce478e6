"""The events that payment announces."""
