"""The events that privacy announces."""
