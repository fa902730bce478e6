"""Refunds that were under way: they are looked at again on a schedule."""
