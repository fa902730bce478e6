"""What ends a command early, told in a line."""


class Failure(Exception):  # noqa: N818 - a command's end, not a program's error
    """Something the user must know and can mend: the text says what happened and what to do."""
