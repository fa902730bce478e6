"""The events that inventory announces."""
