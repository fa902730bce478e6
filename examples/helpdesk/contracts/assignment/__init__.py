"""The events that assignment announces."""
