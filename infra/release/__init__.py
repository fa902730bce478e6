"""The queues and indexes of the last release, with which a synthesis compares those of the code."""
