"""Expiry: cancels orders that have been pending for too long."""
