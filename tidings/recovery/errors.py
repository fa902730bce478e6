"""The error of a recovery, and the numbers in its text."""


class RecoveryError(Exception):
    """A recovery that cannot go on. Its text says what happened and what the operator can do."""


def messages_were(number: int) -> str:
    """Return the subject of a sentence about messages: `1 message was`, `3 messages were`."""
    return "1 message was" if number == 1 else f"{number} messages were"
