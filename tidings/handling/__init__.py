"""Handling: executes the decisions of handlers and commands on entities."""
