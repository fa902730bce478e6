"""The events that fraud announces."""
