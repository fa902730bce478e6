"""Faults that a learner causes on the local cloud. Commands `break` and `mend`."""
