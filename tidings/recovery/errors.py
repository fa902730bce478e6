"""The error of a recovery."""


class RecoveryError(Exception):
    """A recovery that cannot go on. Its text says what happened and what the operator can do."""
