"""The events that orders announces."""
