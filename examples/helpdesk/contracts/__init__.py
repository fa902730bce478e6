"""The published language of the helpdesk."""
