"""Numbers of things in sentences."""


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: `1 message`, `1,200 messages`.

    Args:
        number: How many there are.
        noun: The noun in the singular, whose plural ends in `s`.
    """
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
