"""The error that ends a command."""


class CommandError(Exception):
    """The end of a command that cannot do what it was asked. Its text says what happened and what the user can do."""
