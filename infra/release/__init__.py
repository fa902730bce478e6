"""The last release, with which a synthesis compares the code: its queues, its indexes and its contracts."""
